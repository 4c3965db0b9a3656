"""Was this picture enlarged, by how much, and how?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, get_args

import torch
from torch import Tensor

from dreamclean.builtin.operators.enlarged import Enlarged
from dreamclean.builtin.operators.resampling import Enlarging, interpolation, smaller_side
from dreamclean.builtin.planners.diagnosis.resolution.found import Found
from dreamclean.builtin.planners.diagnosis.resolution.traces import blockiness, small_sizes

SEGMENT = 256
"""Pixels of a line that are looked at, in the middle of longer ones."""
LINES = 160
"""Lines along an axis that are looked at, those with most detail."""
FEWEST = 16
"""Lines that differ from each other; of fewer nothing is said (ruled paper, patterns)."""
ROUNDING = 0.05
"""Variance, of 255 squared, that rounding to 8 bits leaves in the mean of three channels, and a little more."""
CONTROLS = (0.37, 0.63)
"""How far, in pixels of the small picture, the grids are shifted with which a hypothesis is compared."""
PROMISING = 0.93
"""A size whose residual is at most this share of its controls' on one axis is tried on both with every kernel, of these the best"""
FINALISTS = 4
SURE, SURE_IF_LARGE, SURE_IF_LITTLE = 0.72, 0.5, 0.4
"""At most this share (geometric mean of the axes) is an enlargement; above a factor of 4, and below 1.4, these."""
BLOCKY = 1.08
"""In a picture with blocks of 8 pixels"""
SURE_IN_BLOCKS, SURE_OF_BLOCKS = 0.6, 0.03
"""these shares; the second for 8/5, 8/6 and 8/7: what compression leaves in a block looks as if enlarged by these,"""
SURE_OF_EIGHTHS = 0.3
"""at high quality too, where no blocks show."""
ALIKE = 1.15
"""Residuals by less than this factor apart do not tell kernels apart: twice bilinear and bicubic span the same space."""
DETAIL = 0.3
"""Residual variance, of 255 squared, that controls need: below it a picture is too smooth to tell."""


@dataclass(frozen=True)
class _Fit:
    """How well a hypothesis, the small size and the kernel, explains a picture."""

    size: tuple[int, int]
    method: Enlarging
    residual: float
    """Variance per degree of freedom that it does not explain, of 255 squared,"""
    control: float
    """and that the same with the grid shifted does not explain."""
    freedom: float
    """Share of a line's pixels that are no degrees of freedom of the small one's."""
    ratio: float
    """Residual over control, the geometric mean over lines, so that no few of them (stars) decide."""

    @property
    def score(self) -> float:
        """Log-likelihood against the controls, per pixel: of explanations as good, the one by fewer pixels wins."""
        return -self.freedom * math.log(self.ratio)


def estimate_enlargement(image: Tensor) -> Found | None:
    """The enlargement that ``image`` (1, 3, H, W) in [0, 1] shows; None if it shows none, or is smaller than 48 pixels.

    A picture that was enlarged lies in the range of the enlargement's matrix, up to rounding and what noise came
    after. Candidates, one factor for both sides, come from the periodic traces. Each is tested by projecting lines
    onto the range of its matrix: what remains is compared with what remains on the same grid shifted by a fraction
    of a pixel. In a picture that was never enlarged, sharp or smooth, the two are alike.
    """
    if min(image.shape[2:]) < 48:
        return None
    luma = 255 * image[0].float().cpu().mean(0)
    parts = _parts(luma)
    if min(len(part.lines) for part in parts) < FEWEST:
        return None
    trials = [max((_fit(parts[:1], s, m) for m in ("nearest", "bicubic")), key=_score) for s in small_sizes(luma)]
    promising = sorted((t for t in trials if t.ratio <= PROMISING), key=_score)[-FINALISTS:]
    if not promising:
        return None
    best = max((_best_kernel(image, parts, trial.size) for trial in promising), key=_score)
    limit = _limit(luma, best)
    if best.ratio > limit or best.control < DETAIL:
        return None
    operator = Enlarged(factor=_factors(image.shape[2:], *best.size), method=best.method)
    sure = 1 - 0.5 * min(1.0, best.ratio / limit) ** 4
    return Found(operator.model_copy(update={"noise": later_noise(image, operator)}), sure)


def later_noise(image: Tensor, operator: Enlarged) -> float:
    """Standard deviation, [0, 1] scale, of the noise that came after the enlargement; 0 for what rounding explains."""
    y = image.cpu().double()
    small = operator.small(y)
    residual = y - operator.enlarge(small, *y.shape[2:])
    open_ = (y > 0.5 / 255) & (y < 254.5 / 255)
    freedom = 1 - small[0, 0].numel() / y[0, 0].numel()
    variance = float(residual[open_].square().mean()) / freedom if open_.any() else 0.0
    return math.sqrt(variance) if variance > (0.7 / 255) ** 2 else 0.0


class _Part(NamedTuple):
    """Pieces of the lines along one axis of a picture."""

    lines: Tensor
    """(N, n), of 255."""
    start: int
    """Where they start,"""
    side: int
    """and the picture's side."""


def _parts(luma: Tensor) -> list[_Part]:
    """The lines along the vertical axis, and those along the horizontal one."""
    return [_part(lines) for lines in (luma.T, luma)]


def _part(lines: Tensor) -> _Part:
    """The lines (N, side) with most detail, the middle of them, each once."""
    side = lines.shape[1]
    start = max(0, side - SEGMENT) // 2
    part = lines[:, start : start + SEGMENT]
    part = torch.unique(part.round(decimals=1), dim=0)
    detail = part.diff(n=2, dim=1).square().mean(1)
    return _Part(part[detail.topk(min(LINES, len(part))).indices], start, side)


def _score(fit: _Fit) -> float:
    return fit.score


def _best_kernel(image: Tensor, parts: Sequence[_Part], size: tuple[int, int]) -> _Fit:
    """The kernel that leaves least; between those that leave as little, by the small picture's whole numbers."""
    fits = sorted((_fit(parts, size, method) for method in get_args(Enlarging)), key=lambda fit: fit.residual)
    alike = {fit.method: fit for fit in fits if fit.residual < ALIKE * fits[0].residual}
    twice = abs(parts[1].side / size[1] - 2) < 0.05
    if not (twice and {"bilinear", "bicubic"} <= alike.keys()):
        return fits[0]
    if fits[0].residual > 2 * ROUNDING:  # noise: nothing tells, and the sharper kernel does less harm where it is wrong
        return alike["bicubic"]
    whole = {fit.method: _wholeness(image, fit) for fit in fits}
    others = max(whole["bicubic-0.75"], whole["lanczos"])
    return alike["bicubic" if whole["bicubic"] > others + 0.03 else "bilinear"]


def _wholeness(image: Tensor, fit: _Fit) -> float:
    """How near the small picture's values are to whole numbers of 255: 1 for all, about 0 for chance."""
    small = Enlarged(factor=_factors(image.shape[2:], *fit.size), method=fit.method).small(image.cpu().double())
    return float(torch.cos(2 * math.pi * 255 * small).mean())


def _limit(luma: Tensor, fit: _Fit) -> float:
    """The ratio up to which a fit is believed."""
    factor = luma.shape[1] / fit.size[1]
    limit = SURE_IF_LARGE if factor > 4.1 else SURE_IF_LITTLE if factor < 1.4 else SURE
    in_block = 8 / factor
    eighths = abs(in_block - round(in_block)) < 0.1 and round(in_block) not in (1, 2, 4)
    if blockiness(luma) < BLOCKY:
        return SURE_OF_EIGHTHS if eighths else limit
    return SURE_OF_BLOCKS if eighths else min(limit, SURE_IN_BLOCKS)


def _fit(parts: Sequence[_Part], size: tuple[int, int], method: Enlarging) -> _Fit:
    """Geometric means over the axes: both, or the first alone."""
    logs, freedoms = [], []
    for part, small in zip(parts, size, strict=False):
        found, *controls = (_residual(part, small, method, shift) + ROUNDING for shift in (0.0, *CONTROLS))
        control = min(controls, key=lambda lines: float(lines.mean()))
        logs.append((found.mean().log(), control.mean().log(), (found / control).log().mean()))
        freedoms.append(1 - small / part.side)
    residual, control, ratio = torch.tensor(logs).mean(0).exp().tolist()
    return _Fit(size, method, residual - ROUNDING, control - ROUNDING, sum(freedoms) / len(freedoms), ratio)


def _residual(part: _Part, small: int, method: Enlarging, shift: float) -> Tensor:
    """Variance per degree of freedom of what a grid does not explain, for each line (N,)."""
    basis = _basis(part.start, part.lines.shape[1], part.side, small, method, shift)
    rest = part.lines - (part.lines @ basis) @ basis.T
    return rest.square().sum(1) / max(1, rest.shape[1] - basis.shape[1])


@lru_cache(maxsize=512)
def _basis(start: int, length: int, side: int, small: int, method: Enlarging, shift: float) -> Tensor:
    """An orthonormal basis (length, k) of what the pixels from ``start`` can be, if they came from a small line.

    The small line goes on beyond its border, so that nothing depends on how libraries treat that.
    """
    margin = 4
    pixels = torch.arange(start, start + length, dtype=torch.float64)
    matrix = interpolation((pixels + 0.5) * small / side - 0.5 + margin + shift, small + 2 * margin, method)
    used = matrix.abs().sum(0) > 1e-6
    basis: Tensor = torch.linalg.qr(matrix[:, used])[0]
    return basis.float()


def _factors(sides: torch.Size, rows: int, columns: int) -> tuple[float, ...]:
    """One factor if it makes both small sides, as round as can be; else two."""
    height, width = sides
    for digits in range(5):
        for factor in (round(height / rows, digits), round(width / columns, digits)):
            if factor >= 1 and (smaller_side(height, factor), smaller_side(width, factor)) == (rows, columns):
                return (factor,)
    return (height / rows, width / columns)
