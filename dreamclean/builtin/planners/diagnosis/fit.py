"""From samples to a calibration: linear rules for the family, white noise's standard deviation and the best level."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.calibration import FAMILIES, Calibration, with_squares

LEARNT = ("correlated noise", "blocking", "mixed")
"""The families whose best level is learnt: white noise has its own, the others are left alone."""


class Sample(NamedTuple):
    """A damaged crop, and what the prior answered."""

    family: str
    std: float
    """Standard deviation of white noise on the [0, 1] scale; 0: there is none, or it is uneven."""
    features: Tensor
    """(levels, 16)"""
    worth: list[float]
    """What the treatment from each level is worth; empty where that is not learnt."""


def fit(samples: Sequence[Sample], ratios: Sequence[float]) -> Calibration:
    """The rules. ``ratios`` are those of the levels that were asked; every family must be among the samples."""
    x = torch.stack([sample.features.flatten() for sample in samples]).double()
    mean, spread = x.mean(0), x.std(0).clamp(min=1e-3)
    x = torch.cat([((x - mean) / spread).clamp(-4, 4), torch.ones(len(x), 1)], 1).double()
    families = torch.tensor([FAMILIES.index(sample.family) for sample in samples])
    noise = torch.tensor([sample.std for sample in samples]).double()
    white = (families == FAMILIES.index("white noise")) & (noise > 0)
    learnt = torch.tensor([bool(sample.worth) for sample in samples])
    best = torch.tensor([best_level(sample.worth, ratios) if sample.worth else 0.0 for sample in samples]).double()
    rows = [learnt & (families == k) for k in range(len(FAMILIES))]
    return Calibration(
        ratios=list(ratios),
        mean=rounded(mean),
        spread=rounded(spread),
        family=[rounded(row) for row in _logistic(x, families)],
        noise=rounded(ridge(with_squares(x[white]), noise[white].log(), 3e-3)),
        level=[
            rounded(ridge(x[row], best[row], 3e-2)) if family in LEARNT else []
            for family, row in zip(FAMILIES, rows, strict=True)
        ],
    )


def best_level(worth: Sequence[float], ratios: Sequence[float]) -> float:
    """Log ratio of the level that is worth most, by a parabola through the best and its neighbours."""
    if len(worth) < 3:
        return float(torch.tensor(ratios[max(range(len(worth)), key=worth.__getitem__)]).log())
    logs = torch.tensor(ratios).log()
    k = max(range(1, len(worth) - 1), key=worth.__getitem__)
    low, mid, high = worth[k - 1 : k + 2]
    bend = low - 2 * mid + high
    shift = (low - high) / (2 * bend) if bend < 0 else 0.0
    return float(logs[k] + max(-1.0, min(1.0, shift)) * (logs[k + 1] - logs[k - 1]) / 2)


def ridge(x: Tensor, target: Tensor, weight: float) -> Tensor:
    """The rule (n + 1) for ``target`` (samples) from ``x`` (samples, n + 1), whose last column is the constant's: not drawn to 0."""
    penalty = weight * len(x) * torch.eye(x.shape[1]).double()
    penalty[-1, -1] = 0
    rule: Tensor = torch.linalg.solve(x.T @ x + penalty, x.T @ target)
    return rule


def _logistic(x: Tensor, target: Tensor, weight: float = 3e-4) -> Tensor:
    """Rules for the families; each counts by the square root of its samples (found best by cross-validation)."""
    shares = target.bincount(minlength=len(FAMILIES)).rsqrt().double()
    rules = torch.zeros(len(FAMILIES), x.shape[1], dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([rules], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        value = F.cross_entropy(x @ rules.T, target, weight=shares) + weight / 2 * rules[:, :-1].square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        solver.step(loss)  # type: ignore[no-untyped-call]
    return rules.detach()


def rounded(values: Tensor) -> list[float]:
    """As a calibration's file holds them: five digits."""
    return [float(f"{value:.5g}") for value in values.tolist()]
