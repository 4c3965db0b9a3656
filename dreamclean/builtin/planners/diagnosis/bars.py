"""Bars of one colour at a picture's sides, as films and screens have them: they show nothing of it."""

import torch
from torch import Tensor

NARROWEST, REST = 4, 48
"""Rows of one colour that are a bar, and how many the picture between two of them must have."""


def without_bars(x: Tensor) -> Tensor:
    """``x`` (B, C, H, W) without the rows at its top and bottom, and the columns at its sides, that are all of one colour."""
    inside = _without_rows(x)
    return _without_rows(inside.transpose(2, 3)).transpose(2, 3)


def _without_rows(x: Tensor) -> Tensor:
    top, bottom = _bar(x), _bar(x.flip(2))
    return x[:, :, top : x.shape[2] - bottom] if x.shape[2] - top - bottom >= REST else x


def _bar(x: Tensor) -> int:
    """How many of the first rows have the colour of the very first pixel."""
    other = (x != x[:, :, :1, :1]).any(3).any(1).any(0)
    rows = int(torch.nonzero(other)[0]) if other.any() else len(other)
    return rows if rows >= NARROWEST else 0
