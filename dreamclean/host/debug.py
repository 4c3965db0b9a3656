"""``dreamclean --debug``: tracebacks of errors that are otherwise one line."""

import traceback

from dreamclean.contracts.errors import ComponentError, DreamCleanError
from dreamclean.contracts.out_of_memory import lacks_memory

_wanted = False


def debug(wanted: bool) -> None:
    """Switch tracebacks on standard error on or off."""
    global _wanted  # noqa: PLW0603
    _wanted = wanted


def show(error: BaseException) -> None:
    """Print the error's traceback on standard error if ``--debug`` is on."""
    if _wanted:
        traceback.print_exception(error)


def told(error: BaseException) -> str:
    """The error in one line, after its traceback with ``--debug``; for a fault in code, also how to see the traceback."""
    show(error)
    line = (str(error) or type(error).__name__).splitlines()[0]
    expected = isinstance(error, DreamCleanError | OSError) and not isinstance(error, ComponentError)
    if not expected and lacks_memory(error):
        return "out of memory; free some, give a smaller picture or --tile, or choose --device cpu"
    return line if expected or _wanted else f"{line} (dreamclean --debug ... shows where)"
