"""Compressing again: a picture that was compressed so is not changed by it."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dreamclean.builtin.operators.jpeg import JPEG

_SIDE = 1024
"""Sides of the part, from the middle, that is compressed: the whole would take seconds."""
_WHOLE = 16
"""A part starts at a multiple of that, so that it has the picture's grid."""


def changed(image: Tensor, settings: Mapping[str, Any]) -> float:
    """Root mean square, of 255, by which ``jpeg`` with ``settings`` changes ``image`` (1, 3, H, W) in [0, 1].

    The same compression as before finds its own coefficients: up to 0.7 are left by clipped colours and by rounding, and what noise
    was added since. Another subsampling takes colour away or makes some, 1 and more.
    """
    top, left = (max(0, side - _SIDE) // 2 // _WHOLE * _WHOLE for side in image.shape[-2:])
    part = image[..., top : top + _SIDE, left : left + _SIDE]
    again = JPEG(**{"quality": (), **settings}).degrade(part)
    return 255 * float((again - part).square().mean().sqrt())
