"""Connected pixels of a sparse mask."""

import numpy as np
from torch import Tensor

Pixels = np.ndarray
"""Rows and columns of one component, (n, 2)."""


def components(mask: Tensor) -> list[Pixels]:
    """The components of ``mask`` (1, 1, H, W), diagonals count. Its time is that of the pixels that are True."""
    left = {(int(row), int(column)) for row, column in mask[0, 0].nonzero().tolist()}
    found = []
    while left:
        here = [left.pop()]
        for row, column in here:  # grows while it is read
            for near in ((row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
                if near in left:
                    left.remove(near)
                    here.append(near)
        found.append(np.array(here))
    return found
