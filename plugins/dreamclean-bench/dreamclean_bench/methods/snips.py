"""SNIPS (Kawar, Vaksman & Elad, SNIPS: Solving Noisy Inverse Problems Stochastically, NeurIPS 2021)."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import Level, Schedule
from dreamclean_bench.method import Problem
from dreamclean_bench.methods.ladder import Ladder
from dreamclean_bench.spectral import SpectralMethod


class SNIPS(Ladder, SpectralMethod):
    """Annealed Langevin dynamics in the basis of the operator's right singular vectors (Algorithm 1).

    The measurement's noise is part of the sampler's noise. At noise level sigma, a coefficient whose measurement
    has noise n = sigma_y / s_i < sigma follows only the measurement; one with n > sigma follows the measurement,
    with variance n^2 - sigma^2, and the prior's score; one that is not measured follows only the score. The prior
    is used on the variance-exploding scale, x / a at the level with s / a = sigma.
    Defaults are the paper's for 64 x 64 faces: 2500 evaluations; for 128 x 128 it has ``steps=1086,repeats=3,c=0.018``.
    """

    name = "snips"
    paper: ClassVar[str] = "SNIPS: Solving Noisy Inverse Problems Stochastically (NeurIPS 2021)"
    steps: int = Field(default=500, ge=2, description="Noise levels, in geometric progression")
    repeats: int = Field(
        default=5, ge=1, description="tau: Langevin steps at each level, one evaluation of the prior each"
    )
    c: float = Field(
        default=0.033, gt=0, lt=1, description="c: step size, in units of each coefficient's noise variance"
    )

    def levels(self, schedule: Schedule) -> list[Level]:
        """``steps`` ascending levels, their sigma in geometric progression, as near as the model has them."""
        lowest = schedule.at(schedule.lowest).ratio
        top = schedule.at(schedule.highest if self.strength is None else schedule.resolve(self.strength)).ratio
        growth = (top / lowest) ** (1 / (self.steps - 1))
        return [schedule.at(schedule.timestep(lowest * growth**k)) for k in range(self.steps)]

    def restore(self, problem: Problem) -> Tensor:
        linear, spectrum = problem.linear(), self.spectrum(problem)
        levels = self.levels(problem.model.schedule)
        ybar = spectrum.solved(linear.y)
        noise = spectrum.noise(linear.sigma, ybar)
        first = self.initializer(problem.start, levels, problem.estimate.denoise, problem.noise)
        xbar = spectrum.to(first.x / first.level.alpha)
        for level in reversed(levels):
            for _ in range(self.repeats):
                eps = problem.estimate.prior(level.alpha * spectrum.back(xbar), level).eps
                score = -spectrum.to(eps) / level.ratio
                drift, size = self._drift(xbar, score, ybar, noise, level.ratio)
                xbar = xbar + drift + (2 * size).sqrt() * problem.noise(xbar)
        return problem.model.codec.decode(spectrum.back(xbar))

    def _drift(self, xbar: Tensor, score: Tensor, ybar: Tensor, noise: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """alpha_i times the gradient of log p(xbar | y), and the step sizes alpha_i.

        alpha_i = c (sigma^2 - n^2) where n < sigma, and c sigma^2 (1 - sigma^2 / n^2) otherwise; the
        likelihood's (ybar - xbar) / |sigma^2 - n^2| times that is c min(1, sigma^2 / n^2) (ybar - xbar).
        """
        ratio = sigma**2 / noise.square()
        known = ratio > 1
        size = self.c * torch.where(known, sigma**2 - noise.square(), sigma**2 * (1 - ratio))
        pull = self.c * ratio.clamp(max=1) * (ybar - xbar)
        return pull + torch.where(known, 0.0, size * score), size
