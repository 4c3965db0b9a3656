"""Messages about pictures that the diagnosis leaves as they are. Imports nothing heavy."""

_NAMES = {"low resolution": "low resolution or blur"}
_WAYS_OUT = {
    "low resolution": "to restore it, describe the degradation, e.g. --operator blur:shape=gaussian,std=1.5 --noise 0.01"
}


def named(family: str) -> str:
    """The name of a family in messages."""
    return _NAMES.get(family, family)


def way_out(family: str) -> str:
    """What to do, after "left as it is", if an operator can restore the picture."""
    return f": {_WAYS_OUT[family]}" if family in _WAYS_OUT else ""
