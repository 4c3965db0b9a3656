"""Coefficients of the blocks of a picture, for a grid that is being tried."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.operators import dct


def blocks(plane: Tensor, top: int, left: int) -> Tensor:
    """The coefficients (N, 64) of the whole blocks of ``plane`` (..., H, W), the first of which starts at ``top``, ``left``."""
    height, width = ((side - start) // 8 * 8 for side, start in zip(plane.shape[-2:], (top, left), strict=True))
    cut = plane[..., top : top + height, left : left + width].reshape(-1, 1, height, width)
    return dct.to_blocks(cut).reshape(-1, 64)


def unclipped(clipped: Tensor, top: int, left: int) -> Tensor:
    """Which of the blocks (N,) hold no clipped pixel; all of them where few do not."""
    height, width = ((side - start) // 8 * 8 for side, start in zip(clipped.shape[-2:], (top, left), strict=True))
    cut = clipped[..., top : top + height, left : left + width].reshape(-1, 1, height, width).float()
    whole = F.max_pool2d(cut, 8).flatten() == 0
    return whole if whole.sum() >= 32 else torch.ones_like(whole)


def different(parts: Tensor) -> Tensor:
    """The blocks (n, 64) of (N, 64) that differ: what is repeated, as in drawings, says nothing new."""
    weights = torch.linspace(1, 2, 64, device=parts.device).sin()
    _, place = torch.unique((parts @ weights * 16).round(), return_inverse=True)
    first = torch.full((int(place.max()) + 1,), len(parts)).scatter_reduce(0, place, torch.arange(len(parts)), "amin")
    return parts[first]


def textured(plane: Tensor, side: int, count: int) -> Tensor:
    """The ``count`` windows (n, side, side) of ``plane`` (H, W) with most going on, at multiples of 8 pixels."""
    height, width = plane.shape
    tall, wide = min(side, height // 8 * 8), min(side, width // 8 * 8)
    tops, lefts = (list(range(0, length - part + 1, part // 8 * 8)) for length, part in ((height, tall), (width, wide)))
    windows = torch.stack([plane[top : top + tall, left : left + wide] for top in tops for left in lefts])
    jumps = windows.diff(dim=1).abs().clamp(max=16).mean((1, 2)) + windows.diff(dim=2).abs().clamp(max=16).mean((1, 2))
    return windows[jumps.topk(min(count, len(windows))).indices]


def shrunk(plane: Tensor, steps: tuple[int, int], top: int, left: int) -> Tensor:
    """A colour plane (H, W) as it was before the decoder enlarged it by ``steps``, from ``top`` and ``left`` on.

    libjpeg enlarges by the weights 3/4 and 1/4 ("fancy upsampling"); means of the pixels are undone from that by
    repeated correction.
    """
    cut = plane[None, None, top:, left:]
    cut = cut[..., : cut.shape[2] // steps[0] * steps[0], : cut.shape[3] // steps[1] * steps[1]]
    means = F.avg_pool2d(cut, steps)
    for axis in (2, 3):
        if steps[axis - 2] == 2:
            means = _unsmoothed(means, axis)
    return means[0, 0]


def _unsmoothed(means: Tensor, axis: int) -> Tensor:
    """c of which ``means`` are c_i 3/4 + (c_{i-1} + c_{i+1}) / 8; eigenvalues are between 1/2 and 1."""
    edges, length = ((0, 0, 1, 1) if axis == 2 else (1, 1, 0, 0)), means.shape[axis]
    c = means
    for _ in range(8):
        wide = F.pad(c, edges, mode="replicate")
        smooth = 0.75 * c + 0.125 * (wide.narrow(axis, 0, length) + wide.narrow(axis, 2, length))
        c = c + 4 / 3 * (means - smooth)
    return c
