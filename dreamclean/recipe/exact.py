"""What an exact run is computed in."""

from dreamclean.contracts.errors import DreamCleanError


def exact_dtype(asked: str | None) -> str:
    """The precision of an exact run, float32. DreamCleanError if another was asked for."""
    if asked not in (None, "auto", "float32"):
        raise DreamCleanError(f"exact results are computed in float32, not in {asked}; leave one of the two away")
    return "float32"
