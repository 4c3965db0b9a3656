"""What people see when something is wrong: a line that says what it is and what to do."""


class DreamCleanError(Exception):
    """Bad input, settings or files. Its message is one line; the command line exits with status 2."""


class DreamCleanWarning(UserWarning):
    """A result or a setting that is probably not what was meant. One line, ``warning: ...`` on the command line."""
