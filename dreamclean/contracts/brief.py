"""A value in a few words, for messages: what it is, not what is in it."""

import reprlib
from typing import Any

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def brief(value: Any) -> str:
    """``value`` as Python writes it, cut short; of arrays, tensors and bytes their type and size."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{type(value).__name__} of length {len(value)}"
    if isinstance(shape := getattr(value, "shape", None), tuple):
        return f"{type(value).__name__} {tuple(shape)} of {getattr(value, 'dtype', 'unknown type')}"
    return " ".join(_short.repr(value).split())
