"""EXIF data of a picture: which way up it is, and what is kept."""

from collections.abc import Callable

import numpy as np
from PIL import ExifTags, Image

TURN_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that makes a picture upright, by its EXIF orientation."""

TURNS: dict[Image.Transpose, Callable[[np.ndarray], np.ndarray]] = {
    Image.Transpose.FLIP_LEFT_RIGHT: lambda samples: samples[:, ::-1],
    Image.Transpose.ROTATE_180: lambda samples: samples[::-1, ::-1],
    Image.Transpose.FLIP_TOP_BOTTOM: lambda samples: samples[::-1],
    Image.Transpose.TRANSPOSE: lambda samples: samples.swapaxes(0, 1),
    Image.Transpose.ROTATE_270: lambda samples: np.rot90(samples, -1),
    Image.Transpose.TRANSVERSE: lambda samples: samples[::-1, ::-1].swapaxes(0, 1),
    Image.Transpose.ROTATE_90: np.rot90,
}
"""The same operations for samples (H, W, C)."""


def _read_exif(image: Image.Image) -> Image.Exif:
    """The EXIF data; empty if they are damaged."""
    try:
        return image.getexif()
    except Exception:  # Pillow has no error of its own for that
        return Image.Exif()


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What turns it upright, by its EXIF orientation; a value that is not a whole number from 2 to 8 is ignored."""
    orientation = _read_exif(image).get(ExifTags.Base.Orientation)
    return TURN_BY_ORIENTATION.get(orientation) if isinstance(orientation, int) else None


_DESCRIPTIVE = {270, 271, 272, 305, 306, 315, 33432, 34665, 34853}  # not how a TIFF is stored
_TABLES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


def exif_of(image: Image.Image) -> bytes | None:
    """The EXIF data without the orientation; for a TIFF, only the tags about content, author and date.

    A tag whose value has the wrong type, so that Pillow cannot write it, is left out.
    """
    given, kept = _read_exif(image), Image.Exif()
    for tag in given:
        if tag == ExifTags.Base.Orientation or (image.format == "TIFF" and tag not in _DESCRIPTIVE):
            continue
        value = _table(given, tag) if tag in _TABLES else given[tag]
        if value != {} and _can_be_written(tag, value):
            kept[tag] = value
    return kept.tobytes() if kept else None


def _table(exif: Image.Exif, tag: int) -> dict[int, object]:
    """A table within the EXIF data."""
    try:
        table: dict[int, object] = dict(exif.get_ifd(tag))
        if ExifTags.IFD.Interop in table:
            table[ExifTags.IFD.Interop] = dict(exif.get_ifd(ExifTags.IFD.Interop))
    except Exception:  # it is damaged
        return {}
    return {key: value for key, value in table.items() if _can_be_written(tag, {key: value})}


def _can_be_written(tag: int, value: object) -> bool:
    alone = Image.Exif()
    alone[tag] = value
    try:
        return bool(alone.tobytes())
    except Exception:  # a value of the wrong type or size; Pillow's errors are many
        return False
