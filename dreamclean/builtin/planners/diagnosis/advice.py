"""Messages about pictures that the diagnosis leaves as they are. Imports nothing heavy."""

_NAMES = {"low resolution": "low resolution or blur"}
_WAYS_OUT = {
    "low resolution": "to restore it, describe the degradation, e.g. --operator blur:shape=gaussian,std=1.5 --noise 0.01"
}


def named(family: str) -> str:
    """The name of a family in messages."""
    return _NAMES.get(family, family)


def grey(darkest: float) -> str:
    """What to do if a picture without black, whose darkest tone is that on the [0, 1] scale, once had some."""
    return f"its darkest tone is {255 * darkest:.0f} of 255: if it has faded say --tone faded, if in haze --tone haze"


def way_out(family: str) -> str:
    """What to do, after "left as it is", if an operator can restore the picture."""
    return f": {_WAYS_OUT[family]}" if family in _WAYS_OUT else ""
