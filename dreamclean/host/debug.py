"""``dreamclean --debug``: the traceback of what otherwise ends in a line."""

import traceback

from dreamclean.contracts.errors import ComponentError, DreamCleanError

_wanted = False


def debug(wanted: bool) -> None:
    """Switch tracebacks on standard error on or off."""
    global _wanted  # noqa: PLW0603
    _wanted = wanted


def show(error: BaseException) -> None:
    """The error's traceback on standard error, where it is wanted."""
    if _wanted:
        traceback.print_exception(error)


def told(error: BaseException) -> str:
    """The error in a line, after its traceback where that is wanted; of a fault in code, how to see it."""
    show(error)
    line = (str(error) or type(error).__name__).splitlines()[0]
    expected = isinstance(error, DreamCleanError | OSError) and not isinstance(error, ComponentError)
    return line if expected or _wanted else f"{line} (dreamclean --debug ... shows where)"
