"""How the colour planes were made smaller, their tables, and so the whole grid."""

from typing import NamedTuple

import torch
from torch import Tensor

from dreamclean.builtin.operators.grid import Subsampling
from dreamclean.builtin.planners.diagnosis.jpeg.lattice import NOISES, evidence, histograms
from dreamclean.builtin.planners.diagnosis.jpeg.planes import blocks, shrunk, unclipped
from dreamclean.builtin.planners.diagnosis.jpeg.steps import Steps, best_steps, family, of_quality
from dreamclean.pictures.jpeg_file import STEPS

_COLOURLESS = 0.01
"""The largest colour difference, of 255, of a grey picture."""
_HALVED = 1.5
"""Standard deviations around the lattice are so much larger in halved planes, where the decoder's smoothing is undone."""
_ENOUGH = 20.0
"""Evidence, in nats, for a place of blocks and a table; with less they are those beside the luma's."""
_USUAL: tuple[Subsampling, ...] = ("4:2:0", "4:4:4", "4:2:2", "4:4:0")


class Chroma(NamedTuple):
    subsampling: Subsampling
    shift: tuple[int, int]
    """Rows and columns inside the first block of the colour planes, where the picture starts."""
    table: tuple[int, ...] | None
    """None: there is no colour."""


def chroma_of(planes: Tensor, clipped: Tensor, offset: tuple[int, int], luma: Steps) -> list[Chroma]:
    """From the colour differences (2, H, W), of 255, given the luma's grid at ``offset`` and its steps: what may be, the usual first.

    Of each subsampling the likeliest place of its blocks, and table. Flat colour lies on every lattice, so that evidence does not
    tell one subsampling from another.
    """
    inside = (-offset[0] % 8, -offset[1] % 8)
    if float(planes.abs().max()) < _COLOURLESS:
        return [Chroma("grey", inside, None)]
    return [_likeliest(planes, clipped, name, inside, luma) for name in _USUAL]


def _likeliest(planes: Tensor, clipped: Tensor, name: Subsampling, inside: tuple[int, int], luma: Steps) -> Chroma:
    found = {shift: _evidence(planes, clipped, name, shift) for shift in _shifts(inside, STEPS[name])}
    if luma.quality is not None:  # whoever took libjpeg's luma table took its chroma table
        read = [(of_quality(part, 1, luma.quality), shift) for shift, parts in found.items() for part in parts]
    else:
        read = [(best_steps(part, 1), shift) for shift, parts in found.items() for part in parts]
    steps, shift = max(read, key=lambda pair: pair[0].evidence)
    enough = steps.evidence > (_ENOUGH if luma.quality else 2 * _ENOUGH)
    return Chroma(name, shift, steps.table) if enough else Chroma(name, inside, _table_beside(luma))


def _shifts(inside: tuple[int, int], steps: tuple[int, int]) -> list[tuple[int, int]]:
    """Blocks of halved planes are 16 pixels long, and may start at either end of the luma's."""
    rows, columns = ([part + 8 * k for k in range(step)] for part, step in zip(inside, steps, strict=True))
    return [(row, column) for row in rows for column in columns]


def _evidence(planes: Tensor, clipped: Tensor, subsampling: Subsampling, shift: tuple[int, int]) -> list[Tensor]:
    """The evidence of both planes' coefficients together, at several noises."""
    steps = STEPS[subsampling]
    top, left = (-part % (8 * step) for part, step in zip(shift, steps, strict=True))
    start, place = (top % steps[0], left % steps[1]), (top // steps[0], left // steps[1])
    whole = unclipped(shrunk(clipped.float(), steps, *start).abs() > 1e-3, *place)
    parts = [blocks(shrunk(plane, steps, *start), *place)[whole] for plane in planes]
    counts = histograms(torch.cat(parts))
    return [evidence(counts, noise if steps == (1, 1) else _HALVED * noise) for noise in NOISES[:3]]


def _table_beside(luma: Steps) -> tuple[int, ...]:
    """libjpeg's chroma table of the quality whose luma table is nearest."""
    own, tables = torch.tensor(luma.table, dtype=torch.float32).log(), family(0).float().log()
    nearest = int((tables - own).abs().sum(1).argmin())
    return tuple(family(1)[nearest].tolist())
