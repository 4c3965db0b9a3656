"""Matrices that resize rows or columns of pixels, as image libraries do it: pixel centres at half-integers."""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor

Enlarging = Literal["nearest", "bilinear", "bicubic", "bicubic-0.75", "lanczos"]
"""How libraries enlarge: bicubic is Pillow's and ImageMagick's (a = -0.5), bicubic-0.75 that of torch and OpenCV."""
Shrinking = Literal["average", "bilinear", "bicubic", "lanczos"]
"""How pictures are made smaller: the mean over each new pixel's area, or a kernel stretched by the factor."""


def enlargement(small: int, large: int, method: Enlarging) -> Tensor:
    """The matrix (large, small), float64, that enlarges a line of ``small`` pixels to ``large``."""
    return interpolation((torch.arange(large, dtype=torch.float64) + 0.5) * small / large - 0.5, small, method)


def interpolation(centres: Tensor, small: int, method: Enlarging) -> Tensor:
    """The matrix (len(centres), small) of the values at ``centres``, float64, counted in pixels of the small line.

    Beyond the border Pillow's kernels (-0.5, Lanczos) are cut off and normalised; torch's repeats the last pixel.
    """
    if method == "nearest":
        nearest = (centres + 0.5).floor().long().clamp(0, small - 1)
        return torch.nn.functional.one_hot(nearest, small).double()
    kernel, reach = _KERNELS[method]
    weights = kernel(torch.arange(-reach, small + reach) - centres[:, None])
    inside = weights[:, reach : reach + small].clone()
    if method == "bicubic-0.75":
        inside[:, 0] += weights[:, :reach].sum(1)
        inside[:, -1] += weights[:, reach + small :].sum(1)
    return inside / inside.sum(1, keepdim=True)


def reduction(large: int, small: int, method: Shrinking) -> Tensor:
    """The matrix (small, large), float64, that makes a line of ``large`` pixels smaller, without aliasing.

    The kernels are stretched by the factor and normalised, as in Pillow and in torch with ``antialias=True``.
    """
    factor = large / small
    pixel = torch.arange(large, dtype=torch.float64)[None]
    new = torch.arange(small, dtype=torch.float64)[:, None]
    if method == "average":
        low, high = torch.maximum(pixel, new * factor), torch.minimum(pixel + 1, (new + 1) * factor)
        weights = (high - low).clamp(min=0)
    else:
        weights = _KERNELS[method][0]((pixel - (new + 0.5) * factor + 0.5) / factor)
    return weights / weights.sum(1, keepdim=True)


def _triangle(d: Tensor) -> Tensor:
    return (1 - d.abs()).clamp(min=0)


def _cubic(d: Tensor, a: float) -> Tensor:
    """Keys' cubic convolution (1981)."""
    d = d.abs()
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
    return torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))


def _lanczos(d: Tensor) -> Tensor:
    """Three lobes, as in Pillow: sinc(d) sinc(d / 3)."""
    return torch.where(d.abs() < 3, torch.sinc(d) * torch.sinc(d / 3), 0.0)


_KERNELS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "bilinear": (_triangle, 2),
    "bicubic": (partial(_cubic, a=-0.5), 3),
    "bicubic-0.75": (partial(_cubic, a=-0.75), 3),
    "lanczos": (_lanczos, 4),
}
"""Each kernel, of a distance in pixels, and how far beyond the border it may be asked for."""


def smaller_side(size: int, factor: float) -> int:
    """The side of a picture of side ``size`` made smaller by ``factor``, at least one pixel."""
    return max(1, math.floor(size / factor + 0.5))
