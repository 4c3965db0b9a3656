"""``estimate_jpeg``: the grid, tables and subsampling of a picture that was a JPEG once."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dreamclean.builtin.operators import dct
from dreamclean.builtin.planners.diagnosis.jpeg.chroma import Chroma, chroma_of
from dreamclean.builtin.planners.diagnosis.jpeg.found import Found
from dreamclean.builtin.planners.diagnosis.jpeg.lattice import NOISES, ROUNDING, evidence, histograms
from dreamclean.builtin.planners.diagnosis.jpeg.planes import blocks, textured, unclipped
from dreamclean.builtin.planners.diagnosis.jpeg.steps import COST, Steps, best_steps

ENOUGH = 40.0
"""Evidence, in nats, from which on a picture is said to have been a JPEG."""
_SMALLEST = 32
_WINDOW, _WINDOWS = 136, 3
_SCREENED = 128


def estimate_jpeg(image: Tensor) -> Found | None:
    """The JPEG compression that ``image`` (1, 3, H, W) in [0, 1] went through last, read off its pixels.

    Of all 64 offsets of the grid that one whose coefficients lie best on a lattice (of the luma, where most goes on),
    and there the steps of each frequency, of libjpeg's tables or their own (Fan & de Queiroz 2003), then the colour
    planes'. None where too little speaks for a lattice: never compressed, changed since, or of such high quality
    that the rounding to 8 bits hides it. A few tenths of a second at any size.
    """
    if min(image.shape[-2:]) < _SMALLEST:
        return None
    ycc = 255 * dct.to_ycc(image[:1].float())[0]
    luma, clipped = ycc[0] - 128, ((image[0] <= 0) | (image[0] >= 1)).any(0)
    seen = [_read(luma, clipped, offset) for offset in _offsets(luma)]
    best = max(seen, key=lambda lattice: lattice.steps.evidence)
    if best.steps.evidence < ENOUGH:
        return None
    chroma = chroma_of(ycc[1:], clipped, best.offset, best.steps)
    found = Found(_settings(best, chroma), _sure(best.steps.evidence), "pixels", best.steps.quality)
    return None if found.harmless else found


class Lattice(NamedTuple):
    """What the luma says on one grid."""

    offset: tuple[int, int]
    """Row and column where the first whole block starts."""
    noise: float
    steps: Steps


def _offsets(luma: Tensor) -> list[tuple[int, int]]:
    """The one or two likeliest grids, of pixels as they are and of noisy ones."""
    windows = textured(luma, _WINDOW, _WINDOWS)
    height, width = (side - 8 for side in windows.shape[1:])
    tried = [(row, column) for row in range(8) for column in range(8)]
    parts = torch.stack(
        [blocks(windows[:, row : row + height, column : column + width], 0, 0) for row, column in tried]
    )
    counts = histograms(parts)
    found = [evidence(counts, noise, _SCREENED) for noise in (NOISES[0], NOISES[2])]
    scores = [(best.amax(-1) - COST).clamp(min=0).sum(-1) for best in found]
    return [tried[place] for place in dict.fromkeys(int(score.argmax()) for score in scores)]


def _read(luma: Tensor, clipped: Tensor, offset: tuple[int, int]) -> Lattice:
    """The steps on the grid at ``offset``, at the noise that explains them best."""
    counts = histograms(blocks(luma, *offset)[unclipped(clipped, *offset)])
    found = [(noise, best_steps(evidence(counts, noise), 0)) for noise in NOISES]
    noise, steps = max(found, key=lambda pair: pair[1].evidence)
    return Lattice(offset, noise, steps)


def _sure(nats: float) -> float:
    """Probability, where one picture in two was a JPEG and ENOUGH nats are as likely as not to be chance."""
    return 1 / (1 + math.exp(-(nats - ENOUGH / 2) / (ENOUGH / 6)))


def _settings(best: Lattice, chroma: Chroma) -> dict[str, Any]:
    tables = [list(best.steps.table)] + ([] if chroma.table is None else [list(chroma.table)])
    rows, columns = chroma.shift
    settings = {
        "tables": tables,
        "subsampling": chroma.subsampling,
        "shift": [rows if rows == columns else f"{rows}:{columns}"],
    }
    added = math.sqrt(max(0.0, best.noise**2 - ROUNDING**2))
    return settings | ({"noise": round(added / 255, 5)} if added else {})
