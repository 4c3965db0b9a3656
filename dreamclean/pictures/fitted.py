"""What kinds of picture files hold, and pictures made to fit."""

import numpy as np
from PIL import Image

_ALPHA = ("AVIF", "DDS", "GIF", "IM", "JPEG2000", "PNG", "QOI", "SGI", "TGA", "TIFF", "WEBP")
_NO_ALPHA = ("BMP", "DIB", "JPEG", "PCX", "PPM")
WRITTEN = frozenset(_ALPHA + _NO_ALPHA)
"""Formats that hold pictures of any size, grey and in colour: results are written in these. (Icons have sizes of their own.)"""
_SIXTEEN_BITS = ("IM", "JPEG2000", "PNG", "PPM", "TIFF")
_COLOUR_ONLY = {("L", "QOI"): "RGB", ("LA", "QOI"): "RGBA", ("LA", "SGI"): "RGBA", ("LA", "GIF"): "RGBA"}
"""Formats that do not hold a mode, and one that they hold in its place."""


def holds(image: Image.Image, kind: str) -> bool:
    """Whether a file of ``kind`` has a place for the transparency of ``image``, if it has any."""
    return kind in _ALPHA or image.mode not in ("LA", "RGBA")


def fitted(image: Image.Image, kind: str) -> Image.Image:
    """``image`` as a file of ``kind`` holds it, with its metadata: at 8 bits, on white, in colour where it has to be."""
    made = image
    if made.mode == "I;16" and kind not in _SIXTEEN_BITS:
        made = Image.fromarray((np.asarray(made) / 257).round().astype(np.uint8))
    if not holds(made, kind):
        white = Image.new("RGBA", made.size, "white")
        made = Image.alpha_composite(white, made.convert("RGBA")).convert(made.mode.removesuffix("A"))
    if colour := _COLOUR_ONLY.get((made.mode, kind)):
        made = made.convert(colour)
    if made is not image:
        made.info = image.info
    return made
