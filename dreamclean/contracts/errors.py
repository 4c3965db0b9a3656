"""Errors and warnings: one line that says what is wrong and what to do."""


class DreamCleanError(Exception):
    """Bad input, settings or files. Its message is one line; the command line exits with status 2."""


class InvalidSetting(DreamCleanError, ValueError):
    """A setting that is unknown, missing, out of bounds or at odds with the others."""


class Refusal(DreamCleanError):
    """From a planner: nothing can be done for this picture. The message says what the user can do about it."""


class ComponentError(DreamCleanError):
    """A component's code failed. The message names the component; ``__cause__`` is the error itself."""


class DreamCleanWarning(UserWarning):
    """A result or a setting that is probably not what was meant. One line, ``warning: ...`` on the command line."""
