"""The pass before the last: a coarser compression on another grid, which still shows."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.jpeg.lattice import LARGEST
from dreamclean.builtin.planners.diagnosis.jpeg.steps import family

DIP = 0.05
"""How much nearer, in logarithms, coefficients lie to an earlier pass's multiples. Of 192 single JPEGs none dips by more than 0.045."""
SPREADS = 5.0
"""And in standard deviations over the other grids: small pictures have few coefficients."""
COARSER = 1.25
"""Its steps have to be that much larger than the last pass's, in the mean of their logarithms; finer ones do not matter."""
APART = 0.25
"""Tables to compare with have steps larger and smaller by the factor exp(0.25)."""
WIDTH = 1.0
"""Of the histograms' bins, of 255."""


class Earlier(NamedTuple):
    """An earlier pass with tables of libjpeg's."""

    offset: tuple[int, int]
    """Row and column where its first whole block starts."""
    quality: int


def earlier_pass(counts: Tensor, offset: tuple[int, int], last: tuple[int, ...]) -> Earlier | None:
    """The pass before the ``last``, whose steps are given and whose grid is at ``offset``; None: none shows.

    From the ``counts`` (64, 64, bins) of the coefficients of all 64 grids: on its own grid they are nearer to the multiples of its
    steps, zero among them, than to those of somewhat larger and smaller steps, and more so than on other grids (cf.
    Bianchi & Piva, Detection of nonaligned double JPEG compression, 2012). Of two passes on one grid the coarser is what
    the lattice shows anyway.
    """
    tables = family(0)
    scale = tables.float().log().mean(1)
    ratio = (tables.float() / torch.tensor(last)).log().mean(1).exp()
    inside = (scale + APART <= scale.max()) & (scale - APART >= scale.min())
    tried = (inside & (ratio > COARSER)).nonzero()[:, 0]
    if not len(tried):
        return None
    off = _distance(counts, tables).log()
    larger, smaller = ((scale - (scale[tried] + sign * APART)[:, None]).abs().argmin(1) for sign in (1, -1))
    dips = (off[:, larger] + off[:, smaller]) / 2 - off[:, tried]
    dips = dips - dips.median(0).values
    dips[8 * offset[0] + offset[1]] = float("-inf")
    place, number = divmod(int(dips.argmax()), len(tried))
    dip = float(dips.max())
    spread = 1.48 * float(dips[dips.isfinite()].abs().median())
    found = Earlier(divmod(place, 8), int(tried[number]) + 1)
    return found if dip > max(DIP, SPREADS * spread) else None


def _distance(counts: Tensor, tables: Tensor) -> Tensor:
    """How far coefficients are from multiples of the steps, in steps, means for each grid and each of ``tables``, (64, 100)."""
    each = counts @ _from_multiples(counts.shape[-1]).to(counts)
    sums = torch.stack([each[:, frequency, tables[:, frequency] - 1] for frequency in range(1, 64)]).sum(0)
    return sums / counts[:, 1:].sum((1, 2)).clamp(min=1)[:, None]


@lru_cache(maxsize=4)
def _from_multiples(bins: int) -> Tensor:
    """Of the value of each bin, from multiples of each step, in steps: (bins, steps)."""
    value, step = (torch.arange(bins) + 0.5)[:, None] * WIDTH, torch.arange(1, LARGEST + 1)
    return (value - step * (value / step).round()).abs() / step
