"""The pass before the last: a coarser compression on another grid, which still shows."""

from typing import NamedTuple

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.jpeg.lattice import evidence
from dreamclean.builtin.planners.diagnosis.jpeg.steps import family

ENOUGH = 60.0
"""Evidence, in nats, from which on an earlier pass is believed."""
COARSER = 1.4
"""Its steps have to be that much larger than the last pass's, in the mean of their logarithms; finer ones do not matter."""
WIDTH = 1.0
"""Of the histograms' bins, of 255."""
NOISES = (2.0, 3.5)
"""Standard deviations, of 255, that the last pass leaves around the lattice of another grid."""


class Earlier(NamedTuple):
    """An earlier pass with tables of libjpeg's."""

    offset: tuple[int, int]
    """Row and column where its first whole block starts."""
    quality: int
    evidence: float


def earlier_pass(counts: Tensor, offset: tuple[int, int], last: tuple[int, ...]) -> Earlier | None:
    """The pass before the ``last``, whose steps are given and whose grid is at ``offset``; None: none shows.

    From the ``counts`` (64, 64, bins) of the coefficients of all 64 grids. On the earlier pass's they lie around the
    multiples of its steps, as far off as the last pass moved them (cf. Bianchi & Piva, Detection of nonaligned double
    JPEG compression, 2012). Of two passes on one grid the coarser is what the lattice shows anyway.
    """
    ratio = (family(0).float() / torch.tensor(last)).log().mean(1).exp()
    coarser = (ratio > COARSER).nonzero()[:, 0]
    if not len(coarser):
        return None
    best = max(
        (_best(evidence(counts, noise, width=WIDTH), offset, coarser) for noise in NOISES), key=lambda e: e.evidence
    )
    return best if best.evidence > ENOUGH else None


def _best(found: Tensor, offset: tuple[int, int], coarser: Tensor) -> Earlier:
    """Of the ``coarser`` qualities and all grids but that at ``offset``."""
    sums = torch.stack([found[:, frequency, steps - 1] for frequency, steps in enumerate(family(0)[coarser].T)]).sum(0)
    sums[8 * offset[0] + offset[1]] = float("-inf")
    place, quality = divmod(int(sums.argmax()), len(coarser))
    return Earlier(divmod(place, 8), int(coarser[quality]) + 1, float(sums.max()))
