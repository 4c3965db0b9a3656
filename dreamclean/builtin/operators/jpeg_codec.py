"""One pass of the real codec, libjpeg by way of Pillow."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from dreamclean.builtin.operators.grid import Grid
from dreamclean.pictures.jpeg_file import STEPS

_PILLOWS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


def compressed(image: np.ndarray, tables: Sequence[Sequence[int]], grid: Grid) -> np.ndarray:
    """The picture (H, W, 3), uint8, after one pass with luma and chroma ``tables`` on ``grid``."""
    if grid.subsampling == "4:4:0":  # Pillow writes it turned over only
        turned = [np.reshape(table, (8, 8)).T.flatten().tolist() for table in tables]
        other = Grid(grid.columns, grid.rows, "4:2:2")
        return compressed(image.swapaxes(0, 1), turned, other).swapaxes(0, 1)
    top, left = (offset % (8 * step) for offset, step in zip(grid[:2], STEPS[grid.subsampling], strict=True))
    whole = Image.fromarray(np.pad(image, ((top, 0), (left, 0), (0, 0)), mode="edge"))
    file, grey = io.BytesIO(), grid.subsampling == "grey"
    options = {} if grey else {"subsampling": _PILLOWS[grid.subsampling]}
    (whole.convert("L") if grey else whole).save(file, "JPEG", qtables=[list(table) for table in tables], **options)
    return np.asarray(Image.open(file).convert("RGB"))[top:, left:].copy()
