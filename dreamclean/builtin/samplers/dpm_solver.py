"""DPM-Solver++ (2M) and SDE-DPM-Solver++ (2M) (Lu, Zhou, Bao, Chen, Li & Zhu 2022, Algorithm 2 and Eq. 18)."""

import math
from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor

from dreamclean.contracts.initializer import Noise
from dreamclean.contracts.levels import Level
from dreamclean.contracts.sampler import Sampler

if TYPE_CHECKING:
    from dreamclean.method.loop import Estimator


class DPMSolver(Sampler):
    """Second-order multistep solver: x_j = k x_i + (a_j - k a_i) D + sqrt(1 - exp(-2 eta h)) s_j z, one evaluation a step.

    D extrapolates the clean estimates of this step and the one before, D = x0 + h / (2 h') (x0 - x0'), with h and
    h' the steps in log(a / s); k = exp(-eta h) s_j / s_i. The first step, and the last one down to the picture
    itself, are of first order.
    """

    name = "dpm-solver"
    eta: float = Field(default=0.0, ge=0, le=1, description="Share of stochasticity: 0 deterministic, 1 the SDE solver")

    def __call__(self, x: Tensor, level: Level, lower: Level, estimate: "Estimator", noise: Noise) -> Tensor:
        x0, previous = estimate(x, level).x0, estimate.previous
        estimate.previous = level, x0
        if lower.s == 0:
            return lower.a * x0
        step = _log_snr(lower) - _log_snr(level)
        if previous is not None:
            last = _log_snr(level) - _log_snr(previous[0])
            x0 = torch.lerp(previous[1], x0, 1 + step / (2 * last))
        keep = math.exp(-self.eta * step) * lower.s / level.s
        x = (keep * x).add_(x0, alpha=lower.a - keep * level.a)
        drawn = lower.s * math.sqrt(-math.expm1(-2 * self.eta * step))
        return x.add_(noise(x), alpha=drawn) if drawn else x


def _log_snr(level: Level) -> float:
    """lambda = log(a / s)."""
    return math.log(level.a / level.s)
