"""Impulses: single pixels that have nothing to do with their neighbours.

Where the eight neighbours agree, a pixel that differs from them by far more than they from each other, and than pixels of
this picture do, is evident. The share of evident pixels where neighbours agree is the share of impulses everywhere; clean photographs have under 1 % of
them, drawings and print more, but hardly any that are black or white alone. Where the neighbours do not agree, impulses
are told by the rank-ordered differences of Garnett et al. (2005): a pixel of an edge or a line has at least two like it.
"""

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.outliers.local import (
    Finding,
    distance,
    drawn,
    extreme,
    in_bands,
    median,
    middle,
    neighbours,
)

BLACK_OR_WHITE = 0.03
"""An impulse is that near to black or white in all channels, or has any value."""
FEWEST, SHARE = 6, 0.3
"""So many black or white ones, and that share of all evident ones: clean photographs had up to 2, and 0.1."""
DRAWN, DRAWN_RATE = 0.4, 0.003
"""In what is drawn to such an extent, that rate of black and white ones: drawings had up to 0.0006."""
USUAL = 5.0
"""How many times farther from its neighbours it is than half of all pixels are: in noise, some neighbours agree by luck."""
RATE, MINOR, QUIET = 0.01, 0.1, 0.1
"""Impulses of any value: their rate, the share of the rarer sign, and the share of pixels whose neighbours agree."""


def find_impulses(x: Tensor) -> Finding | None:
    """Salt and pepper, dead pixels, and impulses of any value in ``x`` (1, 3, H, W); None where there are none."""
    quiet, off, brighter = in_bands(_evidence, x, 2).unbind(1)
    evident = (off > USUAL * off.abs().median()).float() * quiet
    brighter = brighter * evident
    found = evident.sum()
    rate = float(found / quiet.sum().clamp(min=1))
    at_ends = evident * extreme(x, BLACK_OR_WHITE)[:, 0]
    ends = at_ends.sum()
    end_rate = float(ends / quiet.sum().clamp(min=1))
    enough = end_rate > DRAWN_RATE if drawn(x) > DRAWN else ends >= FEWEST
    if enough and ends >= SHARE * found:
        kind = "salt and pepper" if end_rate > DRAWN_RATE else "dead pixels"
        lost = in_bands(_black_or_white, x, 2) > 0
        return Finding(kind, lost, _margin(float(ends), FEWEST), at_ends[:, None] > 0)
    minor = float(torch.minimum(brighter.sum(), found - brighter.sum()) / found.clamp(min=1))
    if rate > RATE and minor > MINOR and float(quiet.mean()) > QUIET and drawn(x) < DRAWN:
        return Finding("impulses", in_bands(_unlike, x, 8) > 0, _margin(rate, RATE))
    return None


def _margin(found: float, least: float) -> float:
    """How sure ``found`` is more than ``least``: 0.5 at it, 0.9 at three times."""
    share: float = (least / max(found, least)) ** 1.5
    return 1 - share / 2


def _evidence(x: Tensor) -> Tensor:
    """Of each pixel whether its neighbours agree, how far it is from them, and whether it is brighter: (1, 3, H, W).

    How far is negative where it is like its surroundings, or like one of the neighbours.
    """
    around = neighbours(x)
    usual = middle(around, 0)
    spread = distance(around, usual).sort(0).values[5]
    off, near = distance(x, usual), distance(around, x).sort(0).values[1]
    quiet = spread < 0.06
    apart = (off > 0.12) & (off > 5 * spread) & (near > 0.6 * off)
    brighter = (x > usual).float().mean(1, keepdim=True) > 0.5
    return torch.cat([quiet, torch.where(apart, off, -off), brighter], 1)


def _black_or_white(x: Tensor) -> Tensor:
    """Pixels at the ends of the scale with at most two like them around."""
    alike = (distance(neighbours(x), x) < 0.08).sum(0)
    return (extreme(x, BLACK_OR_WHITE) & (alike <= 2)).float()


def _unlike(x: Tensor) -> Tensor:
    """Pixels with at most one like them around, as the pixels there go."""
    second = distance(neighbours(x), x).sort(0).values[1]
    return (second > 0.06 + 4 * median(second, 9)).float()
