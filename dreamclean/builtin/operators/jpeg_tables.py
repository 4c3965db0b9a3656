"""Quantization tables as settings, and the codec's own by quality."""

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

from PIL import Image
from pydantic import BeforeValidator

from dreamclean.contracts.component import IntList

MOST = 32767
"""The largest step that the codec takes."""


def _split(value: Any) -> Any:
    """Tables of 64 numbers, from them one after the other: ``16/11/...``, a flat sequence, or tables of 8 rows."""
    numbers = value.split("/") if isinstance(value, str) and value else _flat(value)
    if len(numbers) % 64:
        raise ValueError(f"a table has 64 steps, and {len(numbers)} numbers are not a multiple of that")
    return tuple(tuple(numbers[start : start + 64]) for start in range(0, len(numbers), 64))


def _flat(value: Any) -> list[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] if value != "" else []
    return [number for part in value for number in _flat(part)]


Tables = Annotated[tuple[IntList, ...], BeforeValidator(_split)]
"""The type of a setting of quantization tables, each 64 steps in rows of 8, from the lowest frequency to the highest."""


@lru_cache(maxsize=128)
def tables_of(quality: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The luma and chroma tables of libjpeg at ``quality``, which are those of ITU T.81, annex K, scaled."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", quality=quality)
    luma, chroma = (tuple(table) for table in Image.open(file).quantization.values())  # type: ignore[attr-defined]
    return luma, chroma
