"""Scratches: long thin lines of white, with sharp edges.

A lens gives every bright line a skirt; what lies on the picture has none. Sharpening draws bright lines along edges; a
scratch has the same ground on both sides.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.outliers.local import Finding, drawn, grown, in_bands, shifted

WHITE, CONTRAST, FAINT = 0.95, 0.1, 0.04
"""The least value of a scratch in any channel; what it rises above both sides; and above one, where it goes on."""
LENGTH, ANGLES = 25, 32
"""Of the straight piece, in pixels, that every part of a scratch must lie on, and how many directions are tried."""
ALONE = 0.45
"""Of all thin white things that share at least lies on straight lines: of scratches 0.53, of halos and noise mostly less."""
UNEVEN = 0.12
"""How far the two sides may differ in the mean: of scratches on photographs at most 0.10, of halos 0.13 and more."""
FEWEST, SKIRT, DRAWN = 20, 0.2, 0.4
"""Pixels of scratches that are needed; the share of the contrast that is left one pixel beside them (clean photographs:
0.4 and more); and the share of a picture that may be drawn (pixels that are as the next)."""


def find_scratches(x: Tensor) -> Finding | None:
    """White scratches in ``x`` (1, 3, H, W); None where there are none."""
    white = x.amin(1, keepdim=True)
    ridge = _ridge(white, CONTRAST)
    if int(ridge.sum()) < FEWEST or drawn(x) > DRAWN:
        return None
    core = ridge & (in_bands(_along, ridge.float(), LENGTH) > 0.9)
    if int(core.sum()) < max(FEWEST, ALONE * int(ridge.sum())):
        return None
    skirt = _skirt(white, core)
    if skirt > SKIRT or _unevenness(white, core) > UNEVEN:
        return None
    lost, faint = core, _ridge(white, FAINT)
    for _ in range(LENGTH // 2):  # a scratch's ends, and where it crosses what is nearly white
        lost = faint & grown(lost, 1)
    return Finding("scratches", lost, 1 - 0.5 * max(0.0, skirt) / SKIRT)


def _ridge(white: Tensor, contrast: float) -> Tensor:
    """White pixels that are brighter by ``contrast`` than what is three pixels away on two opposite sides."""
    over = [white - torch.maximum(*sides) for sides in _sides(white)]
    return (white > WHITE) & (torch.stack(over).amax(0) > contrast)


def _sides(white: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """What is three pixels away on two opposite sides, in four directions."""
    for down, right in ((0, 3), (3, 0), (2, 2), (2, -2)):
        yield shifted(white, down, right), shifted(white, -down, -right)


def _unevenness(white: Tensor, core: Tensor) -> float:
    """How far the two sides of the lines differ, in the mean, across each line's steepest direction."""
    sides = torch.stack([torch.stack([one[core], other[core]]) for one, other in _sides(white)])
    across = sides.amax(1).argmin(0, keepdim=True)
    return float((sides[:, 0] - sides[:, 1]).abs().gather(0, across).mean())


def _along(ridge: Tensor) -> Tensor:
    """The share of ridge on the straight piece through each pixel that has most of it."""
    near = F.max_pool2d(ridge, 3, 1, 1)
    return F.conv2d(F.pad(near, (LENGTH // 2,) * 4), _pieces().to(ridge)).amax(1, keepdim=True)


def _skirt(white: Tensor, core: Tensor) -> float:
    """How bright the pixels beside the lines are: 0 as the ground some pixels away, 1 as the lines."""
    ground, beside = grown(core, 3) & ~grown(core, 2), grown(core, 1)
    dark = white <= WHITE
    if not (ground & dark).any() or not (beside & dark).any():
        return 1.0
    far = float(white[ground & dark].mean())
    return (float(white[beside & dark].mean()) - far) / (1 - far)


@lru_cache(maxsize=1)
def _pieces() -> Tensor:
    """Straight lines through the middle of a square, each of sum 1: (ANGLES, 1, LENGTH, LENGTH)."""
    reach, pieces = LENGTH // 2, torch.zeros(ANGLES, 1, LENGTH, LENGTH)
    for number in range(ANGLES):
        angle = math.pi * number / ANGLES
        for step in range(-reach, reach + 1):
            pieces[number, 0, round(reach + step * math.sin(angle)), round(reach + step * math.cos(angle))] = 1
    return pieces / pieces.sum((-1, -2), keepdim=True)
