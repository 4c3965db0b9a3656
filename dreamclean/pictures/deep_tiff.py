"""TIFF files whose pixels Pillow cannot hold, in and out: 16-bit RGB, 16-bit grey with alpha, 32-bit float RGB.

A row of RGB pixels is stored like a row of a grey picture of three times the width (of floats: six times), so with
other tags Pillow reads and writes it. Where every channel has a plane of its own, each plane is such a picture.
"""

import io
from collections.abc import Mapping, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import TiffImagePlugin

from dreamclean.pictures.exif import TURN_BY_ORIENTATION, TURNS
from dreamclean.pictures.tiff_pages import BITS, Changes, directories, with_tags

_WIDTH, _HEIGHT, _PHOTOMETRIC, _CHANNELS, _PREDICTOR = 256, 257, 262, 277, 317
_ORIENTATION, _PLANAR, _TILE_WIDTH, _EXTRA, _FORMAT = 274, 284, 322, 338, 339
_BLOCKS = (273, 279, 324, 325)
"""Places and lengths of strips, of tiles: of those of the first channel, then of the second, where each has a plane."""
_BY_CHANNEL = (280, 281, 301, 340, 341)
"""Tags with a value for each channel, which say nothing about how pixels are stored."""
_GREY, _RGB = 1, 2
_UNSIGNED, _FLOAT = 1, 3
_UNUSED, _PREMULTIPLIED, _ALPHA = 0, 1, 2


class DeepTiff(NamedTuple):
    """How a picture of such a file is stored."""

    directory: int
    """Where its tags are, in bytes from the start of the file."""
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
    blocks: Mapping[int, Sequence[int]]
    """Tags of ``_BLOCKS``, if every channel has a plane of its own; else none."""

    @property
    def planes(self) -> int:
        """Pictures that Pillow reads it as."""
        return self.channels if self.blocks else 1

    @property
    def padded(self) -> int:
        """The width of all its tiles."""
        return -(-self.width // self.tile) * self.tile

    @property
    def halves(self) -> int:
        """16-bit words to a pixel of a plane."""
        return self.channels // self.planes * self.bits // 16


def deep_tiff(file: BinaryIO, directory: int) -> DeepTiff | None:
    """How the page whose tags are at ``directory`` is stored, if Pillow cannot hold it and it can be read; else None."""
    try:
        file.seek(0)
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(directory)
        tags.load(file)
        width, height, channels = (int(tags[tag]) for tag in (_WIDTH, _HEIGHT, _CHANNELS))
        bits, formats = set(tags[BITS]), set(tags.get(_FORMAT, (_UNSIGNED,)))
        colour, planar, extra = tags[_PHOTOMETRIC], tags.get(_PLANAR, 1), tuple(tags.get(_EXTRA, ()))
        predictor, tile = int(tags.get(_PREDICTOR, 1)), int(tags.get(_TILE_WIDTH, width))
        blocks = {tag: tuple(map(int, tags[tag])) for tag in _BLOCKS if tag in tags} if planar == 2 else {}
    except Exception:  # of a damaged file Pillow may raise anything; its own reader says what is wrong
        return None
    known = {(16, _UNSIGNED), (32, _FLOAT)} & {(bit, form) for bit in bits for form in formats}
    colours = {_GREY: 1, _RGB: 3}.get(colour, 0)
    spare = channels - colours
    if len(bits) > 1 or len(formats) > 1 or not known or not colours or channels < 2 or spare not in (0, 1):
        return None
    if planar not in (1, 2) or len(extra) > spare or min(width, height, tile) < 1:
        return None
    if planar == 2 and (not blocks or any(len(each) % channels for each in blocks.values())):
        return None
    kind = (extra or (_ALPHA,))[0] if spare else None
    turned = tags.get(_ORIENTATION, 1)
    orientation, bit = turned if isinstance(turned, int) else 1, bits.pop()
    return DeepTiff(directory, width, height, channels, bit, predictor, tile, kind, orientation, blocks)


def as_wide(data: bytes, how: DeepTiff, plane: int = 0) -> bytes:
    """The file as that of a 16-bit grey picture, of ``how.halves`` columns to a pixel, whose predictor is not undone."""
    changes: Changes = dict.fromkeys((*_BY_CHANNEL, _EXTRA, _PREDICTOR, _PLANAR))
    changes[_ORIENTATION] = (1,)  # where there is none, Pillow turns the pixels as the XMP says
    changes |= {BITS: (16,), _FORMAT: (_UNSIGNED,), _PHOTOMETRIC: (_GREY,), _CHANNELS: (1,)}
    changes[_WIDTH] = (how.padded * how.halves,)
    if how.tile != how.width:
        changes[_TILE_WIDTH] = (how.tile * how.halves,)
    for tag, each in how.blocks.items():
        count = len(each) // how.planes
        changes[tag] = tuple(each[plane * count :][:count])
    return with_tags(data, changes, how.directory)


def tiff_samples(planes: Sequence[np.ndarray], how: DeepTiff, order: str) -> np.ndarray:
    """The samples (H, W, C), uint16 or float32, upright, of the pixels that Pillow decoded from ``as_wide``.

    ``order`` of the file's bytes: "<" or ">".
    """
    values = np.concatenate([_values(plane, how, order) for plane in planes], -1)
    values = values[:, : how.width]
    if how.extra == _UNUSED:
        values = values[..., :-1]
    elif how.extra == _PREMULTIPLIED:
        values = _divided(values)
    turn = TURN_BY_ORIENTATION.get(how.orientation)
    return values if turn is None else TURNS[turn](values)


def _values(wide: np.ndarray, how: DeepTiff, order: str) -> np.ndarray:
    """The values (H, padded width, channels of a plane), without the predictor."""
    kind, stored = ("f4" if how.bits == 32 else "u2"), np.ascontiguousarray(wide.astype(f"{order}u2"))
    values = stored.view(order + kind).astype(kind).reshape(how.height, how.padded, -1)
    for left in range(0, how.padded, how.tile):
        tile = values[:, left : left + how.tile]
        if how.predictor == 2:
            size = f"u{tile.itemsize}"
            tile[:] = np.cumsum(np.ascontiguousarray(tile).view(size), 1, size).view(kind)
        elif how.predictor == 3:
            tile[:] = _undone(tile.astype(order + kind))
    return values


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


def as_tiff(wide: bytes, width: int, channels: int) -> bytes:
    """The file of a 16-bit grey picture as that of one with ``channels`` channels and ``width`` columns."""
    changes: Changes = {_WIDTH: (width,), BITS: (16,) * channels, _CHANNELS: (channels,)}
    changes[_PHOTOMETRIC] = (_RGB if channels >= 3 else _GREY,)
    if channels % 2 == 0:
        changes[_EXTRA] = (_ALPHA,)
    return with_tags(wide, changes, directories(io.BytesIO(wide))[0])
