"""How wide the sharpest edges of a picture are.

The gradient of a step edge that was blurred by a Gaussian of standard deviation s falls as 1 / sqrt(s^2 + a^2) when
the picture is blurred again by a; the ratio of gradients for two a gives s (Zhuo & Sim 2011, "Defocus map
estimation from a single image").
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.operators.blur import Blur

AGAIN = (0.7, 1.4)
"""Standard deviations, in pixels, of the blurs that are added."""
STRONG = 4.0
"""Least gradient of an edge, of 255 per pixel, after the first of them."""
FEWEST = 30
WITHIN = 25
"""Degrees by which an edge's direction may be off."""


def sharpest(luma: Tensor, angle: float | None = None) -> float | None:
    """Width, as of a Gaussian, in pixels, that a quarter of the strong edges of ``luma`` (H, W), of 255, are below.

    With an ``angle``, in degrees anticlockwise from the horizontal, of the edges across that direction. Lines count as very sharp, so it is 0 at the least. None where there are fewer than ``FEWEST`` strong edges.
    """
    fine, coarse = (_gradients(luma, std) for std in AGAIN)
    size, blurred = fine.norm(dim=0), coarse.norm(dim=0)
    edge = _crests(fine, size) & (size > STRONG)
    if angle is not None:
        across = fine[1] * math.cos(math.radians(angle)) - fine[0] * math.sin(math.radians(angle))
        edge &= across.abs() > math.cos(math.radians(WITHIN)) * size
    if int(edge.sum()) < FEWEST:
        return None
    edge &= size >= size[edge].median()
    ratio = (size[edge] / blurred[edge].clamp(min=1e-6)).square()
    square = (AGAIN[1] ** 2 - ratio * AGAIN[0] ** 2) / (ratio - 1).clamp(min=1e-3)
    return math.sqrt(max(0.0, float(square.quantile(0.25))))


def _gradients(luma: Tensor, std: float) -> Tensor:
    """(2, H - 2, W - 2): vertical and horizontal."""
    soft = Blur(shape="gaussian", size=2 * math.ceil(3.5 * std) + 1, std=(std,)).degrade(luma[None, None])[0, 0]
    return torch.stack([soft[2:, 1:-1] - soft[:-2, 1:-1], soft[1:-1, 2:] - soft[1:-1, :-2]]) / 2


def _crests(gradient: Tensor, size: Tensor) -> Tensor:
    """Where the gradient's ``size`` (H, W) is largest across the edge."""
    around = F.pad(size[None, None], (1, 1, 1, 1))[0, 0]
    middle = around[1:-1, 1:-1]
    over = (middle >= around[2:, 1:-1]) & (middle >= around[:-2, 1:-1])
    along = (middle >= around[1:-1, 2:]) & (middle >= around[1:-1, :-2])
    return torch.where(gradient[0].abs() > gradient[1].abs(), over, along)
