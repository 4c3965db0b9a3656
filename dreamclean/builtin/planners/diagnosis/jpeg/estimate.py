"""``estimate_jpeg``: the grid, tables and subsampling of a picture that was a JPEG once."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dreamclean.builtin.operators import dct
from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.operators.jpeg_tables import tables_of
from dreamclean.builtin.planners.diagnosis.jpeg.again import changed
from dreamclean.builtin.planners.diagnosis.jpeg.chroma import Chroma, chroma_of
from dreamclean.builtin.planners.diagnosis.jpeg.earlier import WIDTH, earlier_pass
from dreamclean.builtin.planners.diagnosis.jpeg.found import Found
from dreamclean.builtin.planners.diagnosis.jpeg.lattice import BIN, NOISES, ROUNDING, evidence, histograms
from dreamclean.builtin.planners.diagnosis.jpeg.planes import blocks, different, textured, unclipped
from dreamclean.builtin.planners.diagnosis.jpeg.steps import COST, Steps, best_luma_steps

ENOUGH = 40.0
"""Evidence, in nats, from which on a picture is said to have been a JPEG."""
FEWEST = 8
"""Frequencies in which steps have to show: in flat areas, ramps and letters values repeat too, but in fewer."""
_CLEAN = 0.65
"""Without noise the lattice explains at least that much of what it does at the best noise; with some of std 1, less."""
_SAME, _QUIET = 0.02, 0.85
"""Compressing again, root mean square, of 255: what is no difference, and what is left with noise of std 1 at least."""
_SMALLEST, _MOST_PASSES = 32, 4
_WINDOW, _WINDOWS = 136, 3
_SCREENED = 256
_TRIED = [(row, column) for row in range(8) for column in range(8)]


def estimate_jpeg(image: Tensor) -> Found | None:
    """The JPEG compression that ``image`` (1, 3, H, W) in [0, 1] went through last, read off its pixels.

    Of all 64 offsets of the grid that one whose coefficients lie best on a lattice (of the luma, where most goes on),
    and there the steps of each frequency, of libjpeg's tables or their own (Fan & de Queiroz 2003), then the colour
    planes'. None where too little speaks for a lattice: never compressed, changed since, or of such high quality
    that the rounding to 8 bits hides it. A few tenths of a second at any size.
    """
    if min(image.shape[-2:]) < _SMALLEST:
        return None
    ycc = 255 * dct.to_ycc(image[:1].float().cpu())[0]
    luma, clipped = ycc[0] - 128, ((image[0] <= 0) | (image[0] >= 1)).any(0).cpu()
    parts = _parts(luma)
    seen = [_read(luma, clipped, offset) for offset in _offsets(histograms(parts, _SCREENED))]
    best = max(seen, key=lambda lattice: lattice.steps.evidence)
    if best.steps.evidence < ENOUGH or best.steps.seen < FEWEST:
        return None
    settings = _unchanged(
        image[:1].cpu(), [_settings(best, c) for c in chroma_of(ycc[1:], clipped, best.offset, best.steps)]
    )
    found = Found(settings, _sure(best.steps.evidence), "pixels", best.steps.quality)
    found = _with_earlier(found, image, parts)
    return None if found.harmless else found


def with_earlier(found: Found, image: Tensor) -> Found:
    """What a file says of its compression, and what ``image``, its pixels (1, 3, H, W) in [0, 1], shows of earlier ones."""
    if min(image.shape[-2:]) < _SMALLEST:
        return found
    return _with_earlier(found, image, _parts(_luma(image)))


def _with_earlier(found: Found, image: Tensor, parts: Tensor) -> Found:
    """Each pass is undone by the one before it, and so shows the next."""
    image, counts, last = image[:1].float().cpu(), histograms(parts, width=WIDTH), found.settings
    passes: list[dict[str, Any]] = []
    offset = _offset(last)
    while len(passes) < _MOST_PASSES and (before := earlier_pass(counts, offset, tuple(last["tables"][0]))):
        tables = tables_of(before.quality)[: len(last["tables"])]
        offset = before.offset
        rows, columns = (-part % 8 for part in offset)
        last = {**last, "tables": [list(one) for one in tables], "shift": [_plain(rows, columns)]}
        last.pop("noise", None)
        passes.insert(0, last)
        image = JPEG(**{**last, "quality": ()}).degrade(image)
        counts = histograms(_parts(_luma(image)), width=WIDTH)
    return replace(found, earlier=tuple(passes))


def _luma(image: Tensor) -> Tensor:
    """Luma of the first image, of 255 around 0."""
    return 255 * dct.to_ycc(image[:1].float().cpu())[0, 0] - 128


def _offset(settings: Mapping[str, Any]) -> tuple[int, int]:
    """Row and column where the first whole block of a pass starts."""
    shift = JPEG(**{**settings, "quality": ()}).grids()[-1]
    return -shift.rows % 8, -shift.columns % 8


class Lattice(NamedTuple):
    """What the luma says on one grid."""

    offset: tuple[int, int]
    """Row and column where the first whole block starts."""
    noise: float
    steps: Steps


def _parts(luma: Tensor) -> Tensor:
    """The coefficients (64, N, 64) on all 64 grids, where most goes on."""
    windows = textured(luma, _WINDOW, _WINDOWS)
    height, width = (side - 8 for side in windows.shape[1:])
    return torch.stack(
        [blocks(windows[:, row : row + height, column : column + width], 0, 0) for row, column in _TRIED]
    )


def _offsets(counts: Tensor) -> list[tuple[int, int]]:
    """The one or two likeliest grids, of pixels as they are and of noisy ones: lattices, and most coefficients at 0."""
    scores = []
    for noise in (NOISES[0], NOISES[2]):
        lattice = (evidence(counts, noise, _SCREENED // 2).amax(-1) - COST).clamp(min=0).sum(-1)
        zeros = counts[..., : round(3 * noise / BIN)].sum(-1) + 1
        scores.append(lattice + (zeros * (zeros / zeros.mean(0)).log()).sum(-1))
    return [_TRIED[place] for place in dict.fromkeys(int(score.argmax()) for score in scores)]


def _read(luma: Tensor, clipped: Tensor, offset: tuple[int, int]) -> Lattice:
    """The steps on the grid at ``offset``, at the noise that explains them best."""
    counts = histograms(different(blocks(luma, *offset)[unclipped(clipped, *offset)]))
    found = [(noise, best_luma_steps(evidence(counts, noise))) for noise in NOISES]
    noise, steps = max(found, key=lambda pair: pair[1].evidence)
    if found[0][1].evidence > _CLEAN * steps.evidence:
        noise = ROUNDING
    return Lattice(offset, noise, steps)


def _sure(nats: float) -> float:
    """Probability, where one picture in two was a JPEG and ENOUGH nats are as likely as not to be chance."""
    return 1 / (1 + math.exp(-(nats - ENOUGH / 2) / (ENOUGH / 6)))


def _settings(best: Lattice, chroma: Chroma) -> dict[str, Any]:
    tables = [list(best.steps.table)] + ([] if chroma.table is None else [list(chroma.table)])
    settings = {"tables": tables, "subsampling": chroma.subsampling, "shift": [_plain(*chroma.shift)]}
    added = math.sqrt(max(0.0, best.noise**2 - ROUNDING**2))
    return settings | ({"noise": round(added / 255, 5)} if added else {})


def _unchanged(image: Tensor, tried: list[dict[str, Any]]) -> dict[str, Any]:
    """Those of the settings that change ``image`` least, the earlier ones in doubt; and without noise that there is not."""
    changes = [changed(image, settings) for settings in tried]
    least = min(changes)
    best = next(one for one, change in zip(tried, changes, strict=True) if change < least + _SAME)
    return {name: value for name, value in best.items() if name != "noise" or least > _QUIET}


def _plain(rows: int, columns: int) -> int | str:
    return rows if rows == columns else f"{rows}:{columns}"
