"""What a JPEG file says of its compression: quantization tables, subsampling and grid, as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin

Settings = dict[str, Any]
"""Settings of the operator ``jpeg``: ``tables`` (luma and chroma, 64 steps each, row by row), ``subsampling``, ``shift``."""

STEPS = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2), "4:4:0": (2, 1), "grey": (1, 1)}
"""Rows and columns of pixels to one value of a colour plane, by subsampling."""
_BY_STEPS = {steps: name for name, steps in STEPS.items() if name != "grey"}
_T = Image.Transpose
_ROWS_TURNED = (_T.FLIP_TOP_BOTTOM, _T.ROTATE_180, _T.ROTATE_90, _T.TRANSVERSE)
_COLUMNS_TURNED = (_T.FLIP_LEFT_RIGHT, _T.ROTATE_180, _T.ROTATE_270, _T.TRANSVERSE)
_TRANSPOSED = (_T.TRANSPOSE, _T.TRANSVERSE, _T.ROTATE_90, _T.ROTATE_270)
_LARGE = 6
"""Steps of which a multiple is told from another value, after the rounding to 8 bits."""


def jpeg_settings(image: Image.Image) -> Settings | None:
    """How the file of ``image`` was compressed; None unless it is a JPEG in grey or YCbCr as its file holds it.

    None too for a picture that was changed since it was read, such as a thumbnail: its values do not lie on the
    lattice of the file's tables.
    """
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or image.mode not in ("L", "RGB"):
        return None
    layers, tables = image.layer, image.quantization
    if image.info.get("adobe_transform") == 0 and len(layers) == 3:  # red, green and blue
        return None
    used = [tuple(tables[layer[3]]) for layer in layers if layer[3] in tables]
    subsampling = _subsampling([(layer[2], layer[1]) for layer in layers])
    if not subsampling or len(used) != len(layers) or len({*used[1:]}) > 1 or not _agrees(image, used[0]):
        return None
    return {"tables": [list(table) for table in used[:2]], "subsampling": subsampling, "shift": [0]}


def _subsampling(sampling: list[tuple[int, int]]) -> str | None:
    """From the sampling factors (rows, columns) of the layers."""
    if len(sampling) == 1:
        return "grey"
    (rows, columns), *others = sampling
    if len(sampling) != 3 or len(set(others)) > 1 or rows % others[0][0] or columns % others[0][1]:
        return None
    return _BY_STEPS.get((rows // others[0][0], columns // others[0][1]))


def turned(settings: Settings, size: tuple[int, int], turn: Image.Transpose) -> Settings:
    """``settings`` of a file, for its picture of ``size`` (width, height) after the ``turn``.

    Where the end of the file's rows comes first, the picture starts inside a block, unless it is whole there.
    """
    steps = STEPS[settings["subsampling"]]
    rows, columns = (-side % (8 * step) for side, step in zip(reversed(size), steps, strict=True))
    tables, subsampling = settings["tables"], settings["subsampling"]
    if turn in _TRANSPOSED:
        tables = [np.reshape(table, (8, 8)).T.flatten().tolist() for table in tables]
        subsampling = {"4:2:2": "4:4:0", "4:4:0": "4:2:2"}.get(subsampling, subsampling)
        rows, columns = columns, rows
    shift = rows * (turn in _ROWS_TURNED), columns * (turn in _COLUMNS_TURNED)
    return {"tables": tables, "subsampling": subsampling, "shift": [f"{shift[0]}:{shift[1]}"]}


def _agrees(image: Image.Image, table: tuple[int, ...]) -> bool:
    """Whether the luma's coefficients are multiples of ``table``, as far as that can be told from a part of them."""
    height, width = (side // 8 for side in (image.height, image.width))
    if not height or not width:
        return True
    rows = sorted({int(row) for row in np.linspace(0, height - 1, max(1, min(height, 1024 // width)))})
    bands = [np.asarray(image.crop((0, 8 * row, 8 * width, 8 * row + 8)).convert("RGB"), float) for row in rows]
    luma = np.stack(bands) @ np.array([0.299, 0.587, 0.114]) - 128
    blocks = luma.reshape(len(rows), 8, width, 8).swapaxes(1, 2)
    inside = np.stack(bands).reshape(len(rows), 8, width, 8, 3)
    whole = ((inside > 0) & (inside < 255)).all((1, 3, 4))  # clipped values are on no lattice
    k, i = np.arange(8)[:, None], np.arange(8)
    cosines = np.sqrt((1 + (k > 0)) / 8) * np.cos(np.pi * (2 * i + 1) * k / 16)
    steps = np.reshape(table, (8, 8)).astype(float)
    ratio = (cosines @ blocks[whole] @ cosines.T) / steps
    telling = (np.abs(ratio) > 0.5) & (steps >= _LARGE)
    off = (np.abs(ratio - ratio.round()) * steps)[telling]
    return off.size < 40 or float((off < 1.2).mean()) > 0.7
