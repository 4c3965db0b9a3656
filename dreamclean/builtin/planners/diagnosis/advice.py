"""What is said of a picture that the diagnosis leaves alone. Imports nothing heavy."""

_NAMES = {"low resolution": "low resolution or blur"}
_WAYS_OUT = {
    "low resolution": "to restore it say what happened, e.g. --operator blur:shape=gaussian,std=1.5 --noise 0.01"
}


def named(family: str) -> str:
    """A family as people read it: what asks for the same treatment has one family."""
    return _NAMES.get(family, family)


def way_out(family: str) -> str:
    """What follows "left as it is" where the picture can be restored all the same."""
    return f": {_WAYS_OUT[family]}" if family in _WAYS_OUT else ""
