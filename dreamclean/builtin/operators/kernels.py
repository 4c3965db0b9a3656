"""Blur kernels, as float64 tensors of odd sides with sum 1."""

import math
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.picture import Picture


def uniform(size: int) -> Tensor:
    """A box of ``size`` x ``size``."""
    return torch.full((size, size), 1 / size**2, dtype=torch.float64)


def gaussian(size: int, std: tuple[float, ...]) -> Tensor:
    """A Gaussian of ``size`` x ``size``; ``std`` in pixels, vertical and horizontal (or one for both)."""
    offset = torch.arange(size, dtype=torch.float64) - size // 2
    column, row = (torch.exp(-0.5 * (offset / s) ** 2) for s in (std[0], std[-1]))
    kernel = column[:, None] * row[None, :]
    return kernel / kernel.sum()


def gaussian_size(std: float) -> int:
    """Side, odd, of a Gaussian kernel that holds three standard deviations on each side."""
    return 2 * math.ceil(3 * std) + 1


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def disc(radius: float) -> Tensor:
    """A disc of ``radius`` pixels, the share of each pixel that it covers: a lens out of focus."""
    parts, reach = 16, math.ceil(radius + 0.5)
    offset = (torch.arange((2 * reach + 1) * parts, dtype=torch.float64) + 0.5) / parts - reach - 0.5
    inside = (offset[:, None].square() + offset.square() <= radius**2).double()
    side = 2 * reach + 1
    kernel: Tensor = inside.view(side, parts, side, parts).mean((1, 3))
    if not kernel.any():  # it is smaller than a part of a pixel
        kernel[reach, reach] = 1.0
    return kernel / kernel.sum()


def motion(length: float, angle: float, width: float = 0.0) -> Tensor:
    """A straight line of ``length`` pixels, ``angle`` degrees anticlockwise from the horizontal.

    ``width``: standard deviation in pixels of the Gaussian across the line; 0 for a thin one.
    """
    half, far = math.ceil(length / 2), math.ceil(3 * width)
    along = torch.linspace(-0.5, 0.5, 8 * half + 1, dtype=torch.float64)[:, None] * (length - 1)
    across = torch.arange(-far, far + 1, dtype=torch.float64)
    weight = torch.exp(-0.5 * (across / (width or 1.0)) ** 2).expand(len(along), -1)
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    reach = half + far
    y, x = reach - along * sine - across * cosine, reach + along * cosine - across * sine
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1, dtype=torch.float64)
    for row in (y.floor(), y.floor() + 1):
        for column in (x.floor(), x.floor() + 1):
            share = weight * (1 - (y - row).abs()) * (1 - (x - column).abs())
            inside = share > 0
            kernel.index_put_((row[inside].long(), column[inside].long()), share[inside], accumulate=True)
    return kernel / kernel.sum()


def from_file(path: Path) -> Tensor:
    """A picture of a kernel, brighter is heavier; an even side is padded to the next odd one."""
    kernel = Picture.open(path).pixels[0].mean(0).double()
    if not kernel.sum() > 0:
        raise DreamCleanError(f"{path} is black, which is not a blur kernel; give a picture with bright pixels")
    return F.pad(kernel / kernel.sum(), (0, 1 - kernel.shape[1] % 2, 0, 1 - kernel.shape[0] % 2))


def rank_one(kernel: Tensor) -> tuple[Tensor, Tensor] | None:
    """The column and row whose outer product the kernel is, or None if there are none."""
    u, s, v = torch.linalg.svd(kernel)
    if len(s) > 1 and s[1] > 1e-9 * s[0]:
        return None
    column, row = u[:, 0] * s[0].sqrt(), v[0] * s[0].sqrt()
    return column / column.sum(), row / row.sum()
