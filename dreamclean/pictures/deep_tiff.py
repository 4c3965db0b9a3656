"""TIFF files whose pixels Pillow cannot hold, in and out: 16-bit RGB, 16-bit grey with alpha, 32-bit float RGB.

A row of RGB pixels is stored like a row of a grey picture of three times the width (of floats: six times), so with
other tags Pillow reads and writes it.
"""

import io
import struct
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin

from dreamclean.pictures.exif import TURN_BY_ORIENTATION, TURNS

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _CHANNELS, _PREDICTOR = 256, 257, 258, 262, 277, 317
_ORIENTATION, _PLANAR, _TILE_WIDTH, _EXTRA, _FORMAT = 274, 284, 322, 338, 339
_BY_CHANNEL = (280, 281, 301, 340, 341)
"""Tags with a value for each channel, which say nothing about how pixels are stored."""
_GREY, _RGB = 1, 2
_UNSIGNED, _FLOAT = 1, 3
_UNUSED, _PREMULTIPLIED, _ALPHA = 0, 1, 2
_SHORT, _LONG = 3, 4
Changes = dict[int, tuple[int, int, int] | None]


class DeepTiff(NamedTuple):
    """How the first picture of such a file is stored."""

    width: int
    height: int
    channels: int
    bits: int
    predictor: int
    tile: int
    """Pixels to a row of a tile, or of the picture."""
    extra: int | None
    """What a channel after the colours is: alpha, alpha that is multiplied into the colours, or unused (0)."""
    orientation: int

    @property
    def padded(self) -> int:
        """The width of all its tiles."""
        return -(-self.width // self.tile) * self.tile

    @property
    def halves(self) -> int:
        """16-bit words to a pixel."""
        return self.channels * self.bits // 16


def deep_tiff(file: BinaryIO) -> DeepTiff | None:
    """How the file is stored, if Pillow cannot hold it and it can be read; else None."""
    try:
        file.seek(0)
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        width, height, channels = (int(tags[tag]) for tag in (_WIDTH, _HEIGHT, _CHANNELS))
        bits, formats = set(tags[_BITS]), set(tags.get(_FORMAT, (_UNSIGNED,)))
        colour, planar, extra = tags[_PHOTOMETRIC], tags.get(_PLANAR, 1), tuple(tags.get(_EXTRA, ()))
        predictor, tile = int(tags.get(_PREDICTOR, 1)), int(tags.get(_TILE_WIDTH, width))
    except Exception:  # of a damaged file Pillow may raise anything; its own reader says what is wrong
        return None
    known = {(16, _UNSIGNED), (32, _FLOAT)} & {(bit, form) for bit in bits for form in formats}
    colours = {_GREY: 1, _RGB: 3}.get(colour, 0)
    spare = channels - colours
    if len(bits) > 1 or len(formats) > 1 or not known or not colours or channels < 2 or spare not in (0, 1):
        return None
    if planar != 1 or len(extra) > spare or min(width, height, tile) < 1:
        return None
    kind = (extra or (_ALPHA,))[0] if spare else None
    orientation = tags.get(_ORIENTATION, 1)
    return DeepTiff(
        width, height, channels, bits.pop(), predictor, tile, kind, orientation if isinstance(orientation, int) else 1
    )


def as_wide(data: bytes, how: DeepTiff) -> bytes:
    """The file as that of a 16-bit grey picture, of ``how.halves`` columns to a pixel, whose predictor is not undone."""
    changes: Changes = dict.fromkeys((*_BY_CHANNEL, _EXTRA, _PREDICTOR, _ORIENTATION))
    for tag, value in ((_BITS, 16), (_FORMAT, _UNSIGNED), (_PHOTOMETRIC, _GREY), (_CHANNELS, 1)):
        changes[tag] = (_LONG, 1, value)
    changes[_WIDTH] = (_LONG, 1, how.padded * how.halves)
    if how.tile != how.width:
        changes[_TILE_WIDTH] = (_LONG, 1, how.tile * how.halves)
    return _with_tags(data, changes)


def tiff_samples(wide: np.ndarray, how: DeepTiff, order: str) -> np.ndarray:
    """The samples (H, W, C), uint16 or float32, upright, of the pixels that Pillow decoded from ``as_wide``.

    ``order`` of the file's bytes: "<" or ">".
    """
    kind, stored = ("f4" if how.bits == 32 else "u2"), np.ascontiguousarray(wide.astype(f"{order}u2"))
    values = stored.view(order + kind).astype(kind).reshape(how.height, how.padded, how.channels)
    for left in range(0, how.padded, how.tile):
        tile = values[:, left : left + how.tile]
        if how.predictor == 2:
            size = f"u{tile.itemsize}"
            tile[:] = np.cumsum(np.ascontiguousarray(tile).view(size), 1, size).view(kind)
        elif how.predictor == 3:
            tile[:] = _undone(tile.astype(order + kind))
    values = values[:, : how.width]
    if how.extra == _UNUSED:
        values = values[..., :-1]
    elif how.extra == _PREMULTIPLIED:
        values = _divided(values)
    turn = TURN_BY_ORIENTATION.get(how.orientation)
    return values if turn is None else TURNS[turn](values)


def _undone(tile: np.ndarray) -> np.ndarray:
    """Floats from differences between bytes that lie by significance (Adobe Photoshop TIFF Technical Note 3)."""
    height, width, channels = tile.shape
    planes = np.cumsum(tile.view(np.uint8).reshape(height, 4 * width, channels), 1, np.uint8).reshape(height, 4, -1)
    return np.ascontiguousarray(planes.transpose(0, 2, 1)).view(">f4").reshape(tile.shape)


def _divided(values: np.ndarray) -> np.ndarray:
    """Colours that are not multiplied by alpha, the last channel; black where nothing can be seen."""
    alpha = values[..., -1:].astype(np.float32)
    white = 1 if values.dtype == np.float32 else 65535
    colours = values[..., :-1] * np.divide(white, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    return np.concatenate(
        [(colours if white == 1 else colours.round().clip(0, white)).astype(values.dtype), values[..., -1:]], -1
    )


def as_tiff(wide: bytes, channels: int) -> bytes:
    """The file of a 16-bit grey picture as that of one with ``channels`` channels and a row as long."""
    with Image.open(io.BytesIO(wide), formats=["TIFF"]) as image:
        width = image.width // channels
    colour = _RGB if channels >= 3 else _GREY
    order = "<" if wide[:2] == b"II" else ">"
    bits = struct.pack(f"{order}{channels}H", *[16] * channels)
    place = len(wide) if channels > 2 else struct.unpack(f"{order}I", bits)[0]
    changes: Changes = {_WIDTH: (_LONG, 1, width), _BITS: (_SHORT, channels, place)}
    changes |= {_PHOTOMETRIC: (_LONG, 1, colour), _CHANNELS: (_LONG, 1, channels)}
    if channels % 2 == 0:
        changes[_EXTRA] = (_LONG, 1, _ALPHA)
    return _with_tags(wide + (bits if channels > 2 else b""), changes)


def _with_tags(data: bytes, changes: Changes) -> bytes:
    """A TIFF file whose first directory has other tags: type, count and value, or lacks them (None)."""
    order = "<" if data[:2] == b"II" else ">"
    data += bytes(len(data) % 2)
    start = struct.unpack_from(f"{order}I", data, 4)[0]
    count = struct.unpack_from(f"{order}H", data, start)[0]
    end = start + 2 + 12 * count
    entries = {struct.unpack_from(f"{order}H", data, at)[0]: data[at : at + 12] for at in range(start + 2, end, 12)}
    for tag, change in changes.items():
        entries.pop(tag, None)
        if change:
            entries[tag] = struct.pack(f"{order}HHII", tag, *change)
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries))
    return data[:4] + struct.pack(f"{order}I", len(data)) + data[8:] + directory + data[end : end + 4]
