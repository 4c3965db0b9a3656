"""Warnings about a picture, each in one line that names it."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dreamclean.contracts.errors import DreamCleanWarning
from dreamclean.contracts.warn import told


@contextmanager
def collected(source: Path) -> Iterator[list[str]]:
    """The warnings about ``source``, filled in at the end: this library's as ``warning: SOURCE: ...``, others as Python's."""
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DreamCleanWarning)
        try:
            yield lines
        finally:
            lines += (
                told(one.message, one.category, one.filename, one.lineno, about=f"{source}: ").rstrip("\n")
                for one in caught
            )


@contextmanager
def warned_of(source: Path) -> Iterator[None]:
    """Print the warnings about ``source`` once it is done."""
    lines: list[str] = []
    try:
        with collected(source) as lines:
            yield
    finally:
        for line in lines:
            print(line, file=sys.stderr)
