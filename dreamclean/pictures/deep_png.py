"""16-bit PNG files in colour or with alpha, in and out. Pillow decodes them, but its images hold 8 bits of them."""

import io
import struct
import zlib
from typing import BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's colour type, by the number of channels: grey, grey and alpha, RGB, RGB and alpha."""
_UP = 2
"""PNG's filter that stores each byte as its difference from the byte above it."""


def is_deep_png(image: Image.Image) -> bool:
    """Whether an opened image, not loaded yet, is a PNG of one picture whose 16 bits Pillow would cut to 8."""
    if not isinstance(image, PngImagePlugin.PngImageFile) or getattr(image, "is_animated", False):
        return False
    return image.mode in ("RGB", "RGBA") and any(str(tile.args).endswith(";16B") for tile in image.tile)


def png_samples(image: Image.Image, data: bytes) -> np.ndarray:
    """All 16 bits (H, W, C) of the file's ``data``; ``image`` is the same file, loaded, with the upper bytes.

    The lower bytes come from a second pass, in which Pillow is told that the samples lie the other way round. Two
    channels, grey and alpha, have as many bytes as RGBA of 8 bits, and are read as that.
    """
    with Image.open(io.BytesIO(data), formats=["PNG"]) as again:
        grey = str(again.tile[0].args).startswith("LA")
        again.tile = [again.tile[0]._replace(args="RGBA" if grey else f"{again.mode};16L")]
        low = np.asarray(again)
    if grey:
        return low.copy().view(">u2").astype(np.uint16)
    samples: np.ndarray = np.asarray(image).astype(np.uint16) << 8 | low
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple):
        seen = (samples != np.array(key, np.uint16)).any(-1, keepdims=True)
        samples = np.concatenate([samples, seen * np.uint16(65535)], -1)
    return samples


def write_png(
    samples: np.ndarray,
    file: BinaryIO,
    icc_profile: bytes | None = None,
    exif: bytes | None = None,
    pnginfo: PngImagePlugin.PngInfo | None = None,
) -> None:
    """Write ``samples`` (H, W, C) of uint16 as a PNG (PNG specification, third edition)."""
    height, width, channels = samples.shape
    rows = np.ascontiguousarray(samples.astype(">u2")).view(np.uint8).reshape(height, -1)
    filtered = np.full((height, 1 + rows.shape[1]), _UP, np.uint8)
    filtered[0, 1:], filtered[1:, 1:] = rows[0], rows[1:] - rows[:-1]
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    parts = [(b"IHDR", header)]
    if icc_profile:
        parts.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile)))
    parts += [(chunk[0], chunk[1]) for chunk in (pnginfo.chunks if pnginfo else [])]
    if exif:
        parts.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    file.write(b"\x89PNG\r\n\x1a\n")
    for kind, data in [*parts, (b"IDAT", zlib.compress(filtered.tobytes())), (b"IEND", b"")]:
        PngImagePlugin.putchunk(file, kind, data)
