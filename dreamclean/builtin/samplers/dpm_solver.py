"""DPM-Solver++ (2M) and SDE-DPM-Solver++ (2M) (Lu, Zhou, Bao, Chen, Li & Zhu 2022, Algorithm 2 and Eq. 18)."""

import math

import torch
from pydantic import Field

from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.latent import Latent, Noise, Past
from dreamclean.contracts.levels import Level
from dreamclean.contracts.sampler import Sampler


class DPMSolver(Sampler):
    """Second-order multistep solver: x_j = k x_i + (a_j - k a_i) D + sqrt(1 - exp(-2 eta h)) s_j z, one evaluation a step.

    D extrapolates the posterior means of this step and the one before, D = x0 + h / (2 h') (x0 - x0'), with h and
    h' the steps in log(a / s); k = exp(-eta h) s_j / s_i. The first step, and the last one down to the picture
    itself, are of first order.
    """

    name = "dpm-solver"
    eta: float = Field(default=0.0, ge=0, le=1, description="Share of stochasticity: 0 deterministic, 1 the SDE solver")

    def __call__(self, latent: Latent, lower: Level, denoise: Denoise, noise: Noise) -> Latent:
        level, x0 = latent.level, latent.estimated(denoise).x0
        known = (Past(level, x0),)
        if lower.sigma == 0:
            return latent.moved(lower.alpha * x0, lower, known)
        step = _log_snr(lower) - _log_snr(level)
        if latent.history:
            before = latent.history[0]
            last = _log_snr(level) - _log_snr(before.level)
            x0 = torch.lerp(before.x0, x0, 1 + step / (2 * last))
        keep = math.exp(-self.eta * step) * lower.sigma / level.sigma
        x = (keep * latent.x).add_(x0, alpha=lower.alpha - keep * level.alpha)
        drawn = lower.sigma * math.sqrt(-math.expm1(-2 * self.eta * step))
        return latent.moved(x.add_(noise(x), alpha=drawn) if drawn else x, lower, known)


def _log_snr(level: Level) -> float:
    """lambda = log(a / s)."""
    return math.log(level.alpha / level.sigma)
