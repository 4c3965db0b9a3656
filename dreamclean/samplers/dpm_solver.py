"""DPM-Solver++ (2M) (Lu, Zhou, Bao, Chen, Li & Zhu 2022, Algorithm 2)."""

import math
from typing import TYPE_CHECKING

from torch import Tensor

from dreamclean.initializers.base import Noise
from dreamclean.levels import Level
from dreamclean.samplers.base import Sampler

if TYPE_CHECKING:
    from dreamclean.loop import Estimator


class DPMSolver(Sampler):
    """Second-order multistep solver: x_j = (s_j / s_i) x_i + (a_j - a_i s_j / s_i) D, one evaluation a step.

    D extrapolates the clean estimates of this step and the one before, D = x0 + h / (2 h') (x0 - x0'), with h and
    h' the steps in log(a / s). The first step, and the last one down to the picture itself, are DDIM's.
    """

    name = "dpm-solver"

    def __call__(self, x: Tensor, level: Level, lower: Level, estimate: "Estimator", noise: Noise) -> Tensor:
        x0, previous = estimate(x, level).x0, estimate.previous
        estimate.previous = level, x0
        if lower.s == 0:
            return lower.a * x0
        if previous is not None:
            step, last = _log_snr(lower) - _log_snr(level), _log_snr(level) - _log_snr(previous[0])
            x0 = x0 + step / (2 * last) * (x0 - previous[1])
        keep = lower.s / level.s
        return keep * x + (lower.a - keep * level.a) * x0


def _log_snr(level: Level) -> float:
    """lambda = log(a / s)."""
    return math.log(level.a / level.s)
