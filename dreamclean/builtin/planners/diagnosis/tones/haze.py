"""How much haze lies over a picture, if there is any: the dark channel prior (He, Sun and Tang 2009)."""

import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.operators.haze import LARGEST, Haze

PATCH = 0.1
"""Side of a patch, in shorter sides of the picture: something in it is dark in some channel."""
WINDOW = 0.25
"""The guided filter's radius, likewise."""
SHARE = 0.75
"""Of the dark channel that is taken for haze: the rest is the scene's own, which is seldom black."""
BRIGHTEST = 0.01
"""Share of the pixels, those of the brightest dark channel, of which the lightest shows the airlight."""
SMOOTH = 1e-3
"""The guided filter's epsilon."""
LEAST = 0.1
"""Transmission under which nothing is left to see."""


def estimate_haze(image: Tensor) -> Haze:
    """The haze over ``image`` (1, 3, H, W) in [0, 1], from a small copy: airlight, and transmission in each part.

    Where there is no haze, what is light all over a patch is taken for some all the same.
    """
    scale = min(1.0, LARGEST / max(image.shape[2:]))
    size = [max(1, round(side * scale)) for side in image.shape[2:]]
    small = F.interpolate(image.float(), size, mode="area")
    patch = max(1, round(PATCH * min(size)))
    dark = _darkest(small.amin(1, keepdim=True), patch)
    brightest = dark.flatten().topk(max(1, round(BRIGHTEST * dark.numel()))).indices
    seen = small[0].flatten(1)[:, brightest]
    air = seen[:, seen.mean(0).argmax()].clamp(LEAST, 1)
    share = _darkest((small / air.view(1, 3, 1, 1)).amin(1, keepdim=True), patch)
    radius = max(1, round(WINDOW * min(size)))
    t = _guided(small.mean(1, keepdim=True), 1 - SHARE * share, radius).clamp(LEAST, 1)
    return Haze.of(t, airlight=tuple(float(f"{value:.4g}") for value in air.tolist()))


def _darkest(x: Tensor, side: int) -> Tensor:
    """The least value within ``side`` pixels around."""
    before, after = (side - 1) // 2, side // 2
    x = F.pad(-x, (before, after, before, after), mode="replicate")
    return -F.max_pool2d(F.max_pool2d(x, (1, side), 1), (side, 1), 1)


def _guided(guide: Tensor, x: Tensor, radius: int) -> Tensor:
    """``x`` with the edges of ``guide`` (He, Sun and Tang 2010), both (1, 1, H, W)."""
    mean, middle = _around(guide, radius), _around(x, radius)
    variance = _around(guide * guide, radius) - mean * mean
    slope = (_around(guide * x, radius) - mean * middle) / (variance + SMOOTH)
    return _around(slope, radius) * guide + _around(middle - slope * mean, radius)


def _around(x: Tensor, radius: int) -> Tensor:
    """The mean within ``radius`` pixels, along rows and columns."""
    side = 2 * radius + 1
    x = F.pad(x, (radius,) * 4, mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(x, (1, side), 1), (side, 1), 1)
