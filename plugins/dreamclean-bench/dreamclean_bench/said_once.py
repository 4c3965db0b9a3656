"""Warnings of many cells, each said once."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from dreamclean.contracts.warn import show

_SAID: set[str] = set()


@contextmanager
def said_once() -> Iterator[None]:
    """Pass on only those warnings of the block that this process has not had before; their texts count, not their places."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            new = {str(one.message): one for one in caught if str(one.message) not in _SAID}
    _SAID.update(new)
    for one in new.values():
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def in_one_line() -> None:
    """In a worker: this library's warnings as the command line shows them."""
    warnings.showwarning = show
