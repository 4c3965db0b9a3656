"""What the finders share: neighbours, local medians, and how much of a picture is drawn."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.bars import without_bars

_BAND = 256
"""Rows that are looked at together, so that a large picture needs no more memory than a small one."""


@dataclass(frozen=True)
class Finding:
    """Lost pixels of one kind."""

    kind: str
    lost: Tensor
    """True where a pixel shows nothing of the picture, (1, 1, H, W)."""
    sure: float
    """0 to 1: how far the evidence is from what clean pictures show."""
    evident: Tensor | None = None
    """Those of the lost pixels that decided; None: all."""


def neighbours(x: Tensor) -> Tensor:
    """The eight neighbours of each pixel of ``x`` (1, C, H, W), mirrored at the border: (8, 1, C, H, W)."""
    height, width = x.shape[-2:]
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    places = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
    return torch.stack([padded[..., row : row + height, column : column + width] for row, column in places])


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Root mean square over the channels, which stay as one."""
    return (a - b).square().mean(-3, keepdim=True).sqrt()


def median(x: Tensor, side: int) -> Tensor:
    """The median of ``side`` x ``side`` pixels around each, mirrored at the border."""
    padded = F.pad(x, (side // 2,) * 4, mode="reflect")
    return middle(padded.unfold(2, side, 1).unfold(3, side, 1).flatten(4), -1)


def middle(values: Tensor, dim: int) -> Tensor:
    """The lower median along ``dim``, as ``median(dim).values``, which CUDA has only while exact results are not asked for."""
    exact = values.is_cuda and torch.are_deterministic_algorithms_enabled()
    return sorted_middle(values, dim) if exact else values.median(dim).values


def sorted_middle(values: Tensor, dim: int) -> Tensor:
    """The same, slower and always the same on CUDA."""
    return values.sort(dim).values.select(dim, (values.shape[dim] - 1) // 2)


def grown(mask: Tensor, by: int) -> Tensor:
    """``mask`` and all within ``by`` pixels of it, diagonals too."""
    return F.max_pool2d(mask.float(), 2 * by + 1, 1, by) > 0


def thick(mask: Tensor, by: int) -> Tensor:
    """The parts of ``mask`` that are more than ``by`` pixels from its edge somewhere: a morphological opening."""
    return grown(~grown(~mask, by), by)


def shifted(x: Tensor, down: int, right: int, reach: int = 4) -> Tensor:
    """``x`` moved by up to ``reach`` pixels, its border repeated."""
    height, width = x.shape[-2:]
    padded = F.pad(x, (reach,) * 4, mode="replicate")
    return padded[..., reach + down : reach + down + height, reach + right : reach + right + width]


def in_bands(look: Callable[[Tensor], Tensor], x: Tensor, reach: int) -> Tensor:
    """``look(x)``, which must depend on no more than ``reach`` rows above and below, a band of rows at a time."""
    found = []
    for top in range(0, x.shape[-2], _BAND):
        first = max(0, top - reach)
        band = look(x[..., first : top + _BAND + reach, :])
        found.append(band[..., top - first : top - first + _BAND, :])
    return torch.cat(found, -2)


def drawn(x: Tensor, among: Tensor | None = None) -> float:
    """The share of pixels that are exactly as the next: high in drawings, print and screenshots, low in photographs.

    ``among`` (1, H, W): of the pixels where it is True only, and 0 if there are none. Otherwise bars at the sides do not count.
    """
    x = without_bars(x) if among is None else x
    same = (x[..., 1:] == x[..., :-1]).all(1)
    return float(
        same.float().mean() if among is None else same[among[..., 1:]].float().sum() / among[..., 1:].sum().clamp(min=1)
    )


def extreme(x: Tensor, within: float) -> Tensor:
    """Where all channels are ``within`` of black, or all of white."""
    return (x <= within).all(1, keepdim=True) | (x >= 1 - within).all(1, keepdim=True)
