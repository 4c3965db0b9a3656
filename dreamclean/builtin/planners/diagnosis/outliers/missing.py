"""Missing pixels: many, all over the picture, that have one value in the place of their own.

Masks of inpainting look like that, sensors that read only some of their pixels, and dense salt and pepper. Where one
value covers much of a photograph, it covers areas: its pixels stand together. Those of a random mask do not, and they
are far from what is around them; clipped noise and the tones of a posterised picture are not.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.outliers.local import Finding

LEAST, EACH, MOST = 0.05, 0.03, 2
"""The share of the pixels that are missing, that of each value, and how many values there are: dithered pictures have more."""
TOGETHER = 0.2
"""Correlation of the mask with itself one pixel on: of random masks 0.01 at most, over dark pictures up to 0.17; of areas of one tone 0.4 and more."""
APART = 2.0
"""Distance from the mean of the other pixels around, in their standard deviations: of clipped noise up to 1.6."""
DARK, DARK_TOGETHER = 0.1, 0.1
"""Where noise came over the mask, the missing are nearly black: root mean square over the channels, and how much such
pixels stand together; of other pictures they are as far apart as that from 0.2 on."""
BETWEEN = 0.4
"""The share of the other pixels that are up to twice as dark: where they are the tail of noise in the dark, it is more."""
AROUND, SEEN = 9, 2.5
"""Side of what is around, in pixels, and how many others there must be in it to judge by."""
CHANCE = 4.0
"""Standard deviations of the number of its eight neighbours that have the same value."""
SAMPLE, VALUES = 1 << 16, 32
"""So many pixels show which values are frequent, and so many values have photographs, grey ones too, at least."""


def find_missing(x: Tensor) -> Finding | None:
    """Pixels of ``x`` (1, 3, H, W) that are missing all over it, each with one of two values at most; None if none are."""
    values, counts = _sample(x)
    if len(values) < VALUES:
        return None
    frequent = values[counts >= 0.9 * EACH * counts.sum()]
    same = [(x == value.view(1, 3, 1, 1)).all(1, keepdim=True) for value in frequent]
    if found := _found(x, same, TOGETHER):
        return found
    dark = nearly_black(x, DARK)
    between = (nearly_black(x, 2 * DARK) & ~dark).sum() / (~dark).sum().clamp(min=1)
    return _found(x, [dark], DARK_TOGETHER) if float(between) < BETWEEN else None


def nearly_black(x: Tensor, bound: float) -> Tensor:
    """Where the root mean square of the channels of ``x`` is below ``bound``, (1, 1, H, W)."""
    return x.square().mean(1, keepdim=True) < bound**2


def _found(x: Tensor, masks: list[Tensor], together: float) -> Finding | None:
    """Those of ``masks`` (1, 1, H, W) whose pixels are strewn over the picture, not ``together``, and apart from it."""
    measured = [(mask, _together(mask)) for mask in masks if float(mask.float().mean()) >= EACH]
    strewn = [mask for mask, close in measured if close < together]
    if not 0 < len(strewn) <= MOST:
        return None
    lost = torch.stack(strewn).any(0)
    if float(lost.float().mean()) < LEAST or not all(_apart(x, mask, ~lost) > APART for mask in strewn):
        return None
    lost = torch.stack([_loose(mask) for mask in strewn]).any(0)
    sure = 1 - max(0.0, *(close for _, close in measured if close < together))
    return Finding("missing pixels" if len(strewn) == 1 else "salt and pepper", lost, sure)


def _sample(x: Tensor) -> tuple[Tensor, Tensor]:
    """The values of some of the pixels, (N, 3), and how many have each, (N)."""
    pixels = x[0].flatten(1).T[:: max(1, x[0, 0].numel() // SAMPLE)]
    values, counts = np.unique(pixels.cpu().numpy(), axis=0, return_counts=True)
    return torch.from_numpy(values).to(x), torch.from_numpy(counts)


def _together(mask: Tensor) -> float:
    """The mask's correlation with itself one pixel below, or one to the right, whichever is more."""
    m = mask.float() - mask.float().mean()
    power = m.square().mean().clamp(min=1e-6)
    return max(float((m[..., 1:, :] * m[..., :-1, :]).mean() / power), float((m[..., 1:] * m[..., :-1]).mean() / power))


def _loose(mask: Tensor) -> Tensor:
    """``mask`` without its pixels that have more like them around than chance gives: areas of the picture itself."""
    share = mask.float().mean()
    most = 8 * share + CHANCE * (8 * share * (1 - share)).sqrt()
    around = F.avg_pool2d(mask.float(), 3, 1, 1) * 9 - 1
    return mask & (around <= most.ceil())


def _apart(x: Tensor, mask: Tensor, others: Tensor) -> float:
    """How far a pixel of ``mask`` usually is from ``others`` around it, in their standard deviations."""
    seen = others.to(x)
    weight, mean, square = (F.avg_pool2d(v, AROUND, 1, AROUND // 2) for v in (seen, x * seen, x.square() * seen))
    known = weight.clamp(min=1e-6)
    spread = (square / known - (mean / known).square()).mean(1, keepdim=True).clamp(min=1e-6).sqrt()
    far = (x - mean / known).square().mean(1, keepdim=True).sqrt() / spread
    judged = far[mask & (weight * AROUND**2 > SEEN)]
    return float(judged.median()) if len(judged) else 0.0
