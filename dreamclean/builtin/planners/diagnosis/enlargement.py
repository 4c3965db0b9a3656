"""Was this picture enlarged, by how much, and how?"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

import torch
from torch import Tensor

from dreamclean.builtin.operators.enlarged import Enlarged
from dreamclean.builtin.operators.resampling import Enlarging, interpolation, smaller_side
from dreamclean.builtin.planners.diagnosis.found import Found
from dreamclean.builtin.planners.diagnosis.traces import small_sides

SEGMENT = 320
"""Pixels of a line that are looked at, in the middle of longer ones."""
LINES = 256
"""Lines along an axis that are looked at, those with most detail."""
ROUNDING = 0.05
"""Variance, of 255 squared, that rounding to 8 bits leaves in the mean of three channels, and a little more."""
CONTROLS = (0.37, 0.63)
"""How far, in pixels of the small picture, the grids are shifted with which a hypothesis is compared."""
PROMISING = 0.93
"""A factor whose residual is at most this share of its controls' is tried with every kernel,"""
SURE = 0.8
"""and at most this share (mean of the axes) is an enlargement."""
DETAIL = 0.3
"""Residual variance, of 255 squared, that controls need: below it a picture is too smooth to tell."""


@dataclass(frozen=True)
class _Fit:
    """A hypothesis for one axis: the small side and the kernel."""

    small: int
    method: Enlarging
    residual: float
    """Variance per degree of freedom that it does not explain, of 255 squared,"""
    control: float
    """and that the same with the grid shifted does not explain."""
    freedom: float
    """Share of a line's pixels that are no degrees of freedom of the small one's."""

    @property
    def ratio(self) -> float:
        return (self.residual + ROUNDING) / (self.control + ROUNDING)

    @property
    def score(self) -> float:
        """Log-likelihood against the controls, per pixel: of explanations as good, the one by fewer pixels wins."""
        return -self.freedom * math.log(self.ratio)


def estimate_enlargement(image: Tensor) -> Found | None:
    """The enlargement that ``image`` (1, 3, H, W) in [0, 1] shows; None if it shows none, or is smaller than 48 pixels.

    A picture that was enlarged lies in the range of the enlargement's matrix, up to rounding and what noise came
    after. Candidates come from the periodic traces. Each is tested by projecting the lines onto the range of its
    matrix: what remains is compared with what remains on the same grid shifted by a fraction of a pixel. In a
    smooth or sharp picture that was never enlarged the two are alike.
    """
    if min(image.shape[2:]) < 48:
        return None
    luma = 255 * image[0].float().cpu().mean(0)
    fits = [_axis(lines) for lines in (luma.T.contiguous(), luma)]
    methods = [method for method in get_args(Enlarging) if all(method in axis for axis in fits)]
    if not methods:
        return None
    best = max(methods, key=lambda method: sum(axis[method].score for axis in fits))
    rows, columns = (axis[best] for axis in fits)
    ratio = math.sqrt(rows.ratio * columns.ratio)
    if ratio > SURE or max(rows.ratio, columns.ratio) > PROMISING or min(rows.control, columns.control) < DETAIL:
        return None
    operator = Enlarged(factor=_factors(image.shape[2:], rows.small, columns.small), method=best)
    evidence = {"ratio": ratio, "residual": (rows.residual + columns.residual) / 2, "control": rows.control}
    return Found(operator.model_copy(update={"noise": later_noise(image, operator)}), _sure(ratio), evidence)


def later_noise(image: Tensor, operator: Enlarged) -> float:
    """Standard deviation, [0, 1] scale, of the noise that came after the enlargement; 0 for what rounding explains."""
    y = image.double().cpu()
    small = operator.small(y)
    residual = y - operator.enlarge(small, *y.shape[2:])
    open_ = (y > 0.5 / 255) & (y < 254.5 / 255)
    freedom = 1 - small[0, 0].numel() / y[0, 0].numel()
    variance = float(residual[open_].square().mean()) / freedom if open_.any() else 0.0
    return math.sqrt(variance) if variance > (0.7 / 255) ** 2 else 0.0


def _axis(lines: Tensor) -> dict[Enlarging, _Fit]:
    """The best hypothesis for each kernel, for the axis along which ``lines`` (N, side) go."""
    side = lines.shape[1]
    start = max(0, side - SEGMENT) // 2
    detail = lines.diff(n=2, dim=1).square().mean(1)
    kept = lines[detail.topk(min(LINES, len(lines))).indices]
    part = kept[:, start : start + SEGMENT]
    found: dict[Enlarging, _Fit] = {}
    for small in small_sides(kept, side):
        trials = [_fit(part, start, side, small, method) for method in ("nearest", "bicubic")]
        if min(trial.ratio for trial in trials) > PROMISING:
            continue
        for method in get_args(Enlarging):
            fit = _fit(part, start, side, small, method)
            if method not in found or fit.score > found[method].score:
                found[method] = fit
    return found


def _fit(part: Tensor, start: int, side: int, small: int, method: Enlarging) -> _Fit:
    residuals = []
    for shift in (0.0, *CONTROLS):
        basis = _basis(start, part.shape[1], side, small, method, shift)
        freedom = part.shape[1] - basis.shape[1]
        residuals.append(float((part - (part @ basis) @ basis.T).square().sum()) / (len(part) * freedom))
    return _Fit(small, method, residuals[0], min(residuals[1:]), freedom / part.shape[1])


@lru_cache(maxsize=512)
def _basis(start: int, length: int, side: int, small: int, method: Enlarging, shift: float) -> Tensor:
    """An orthonormal basis (length, k) of what the pixels from ``start`` can be, if they came from a small line.

    The small line goes on beyond its border, so that nothing depends on how libraries treat that.
    """
    margin = 4
    pixels = torch.arange(start, start + length, dtype=torch.float64)
    matrix = interpolation((pixels + 0.5) * small / side - 0.5 + margin + shift, small + 2 * margin, method)
    used = matrix.abs().sum(0) > 1e-6
    return torch.linalg.qr(matrix[:, used])[0].float()


def _factors(sides: torch.Size, rows: int, columns: int) -> tuple[float, ...]:
    """One factor if it makes both small sides, as round as can be; else two."""
    height, width = sides
    for digits in range(5):
        for factor in (round(height / rows, digits), round(width / columns, digits)):
            if factor >= 1 and (smaller_side(height, factor), smaller_side(width, factor)) == (rows, columns):
                return (factor,)
    return (height / rows, width / columns)


def _sure(ratio: float) -> float:
    """1 for a residual far below its controls', 0.5 at the threshold."""
    return 1 - 0.5 * min(1.0, ratio / SURE) ** 4
