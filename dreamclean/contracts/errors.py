"""The one exception that people see: a line that says what is wrong and what to do."""


class DreamCleanError(Exception):
    """Bad input, settings or files. Its message is one line; the command line exits with status 2."""
