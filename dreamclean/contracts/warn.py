"""Warnings: they point at the user's line, and on the command line they are one line each."""

import sys
import warnings
from typing import TextIO

from dreamclean.contracts.errors import DreamCleanWarning

PASSED = ("dreamclean", "torch", "pydantic", "contextlib")
"""Packages between the user's line and a warning."""


def warn(message: str) -> None:
    """Warn of ``message``, one line, at the innermost caller that is not in ``PASSED``."""
    frame, depth = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in PASSED:
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, DreamCleanWarning, stacklevel=depth)


def warn_of(doubt: str | None) -> None:
    """``warn``, if there is a doubt."""
    if doubt:
        warn(doubt)


def show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """``warnings.showwarning`` of the command line: this library's warnings as ``warning: ...``, others as in Python."""
    print(told(message, category, filename, lineno, line), end="", file=file or sys.stderr)


def told(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
    about: str = "",
) -> str:
    """The text of a warning with its line's end; ``about``: what goes before this library's."""
    if issubclass(category, DreamCleanWarning):
        return f"warning: {about}{message}\n"
    return warnings.formatwarning(message, category, filename, lineno, line)
