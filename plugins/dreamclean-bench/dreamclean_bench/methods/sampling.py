"""What several methods share: the kernel's loop without a corrector, and steps with fresh noise."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from dreamclean import DDIM, Denoise, Estimate, Latent, Level, NoCorrector, Schedule
from dreamclean.contracts.estimate import Predict
from dreamclean.contracts.latent import Noise
from dreamclean.host.host import host
from dreamclean.method.loop import Initialize, Move, resample
from dreamclean_bench.method import PixelMethod, Problem
from dreamclean_bench.methods.ladder import Ladder, pure_noise


def sampled(
    problem: Problem,
    levels: Sequence[Level],
    initializer: Initialize,
    sampler: Move,
    guided: Predict | None = None,
    path: Sequence[Level] | None = None,
) -> Tensor:
    """The picture (B, 3, H, W) at the end of the kernel's loop without a corrector.

    ``levels`` ascend from the picture to the top; ``path`` leads down again, by default by the same levels.
    ``guided`` is the estimate that agrees with the measurement, by default the prior's own.
    """
    denoise = problem.estimate.denoise
    denoise = replace(denoise, guided=guided) if guided else denoise
    path = levels[-2::-1] if path is None else path
    start = problem.blank if initializer is pure_noise else problem.start
    for latent in resample(start, levels, path, denoise, initializer, NoCorrector(), sampler, problem.noise):
        last = latent
    return problem.model.codec.decode(last.x)


def renewing(eta: float) -> Move:
    """Steps x_j = a_j x0 + s_j (sqrt(1 - eta^2) eps + eta z): eta is the share of fresh noise."""

    def step(latent: Latent, lower: Level, denoise: Denoise, noise: Noise) -> Latent:
        eps, x0 = latent.estimated(denoise)
        x = lower.alpha * x0 + lower.sigma * math.sqrt(1 - eta**2) * eps
        if lower.sigma > 0 and eta > 0:
            x = x + lower.sigma * eta * noise(x)
        return latent.moved(x, lower)

    return step


class Ancestral(Ladder, PixelMethod):
    """Ancestral steps, their mean shifted towards agreement; by default at every one of 1000 noise levels."""

    steps: int = Field(default=1000, ge=2, description="Noise levels visited, one evaluation of the prior at each")
    clip: bool = Field(default=True, description="Clip each posterior mean to [-1, 1], as the published code does")
    sampler: ClassVar[DDIM] = DDIM(eta=1.0)
    """Its step is a draw from q(x_lower | x_level, x0) (Ho et al. 2020, Eq. 7)."""

    def levels(self, schedule: Schedule) -> list[Level]:
        """The picture's level and ``steps`` ascending ones, from the quietest (t = 0) to the top."""
        top = schedule.highest if self.strength is None else self.strength
        picture, *noisy = schedule.ladder(top, self.steps - 1, host().make("spacing", schedule.usual))
        return [picture, schedule.at(schedule.lowest), *noisy]

    @abstractmethod
    def guide(self, problem: Problem, x: Tensor, level: Level, lower: Level) -> tuple[Tensor, Tensor]:
        """The posterior mean at ``x``, and the shift of the step to ``lower``; both (B, 3, H, W)."""

    def restore(self, problem: Problem) -> Tensor:
        def step(latent: Latent, lower: Level, denoise: Denoise, noise: Noise) -> Latent:
            x0, shift = self.guide(problem, latent.x, latent.level, lower)
            known = latent.corrected(latent.x, Estimate.from_x0(latent.x, latent.level, x0))
            moved = self.sampler(known, lower, denoise, noise)
            return moved.corrected(moved.x + shift)

        return sampled(problem, self.levels(problem.model.schedule), self.initializer, step)


def transition(level: Level, lower: Level) -> tuple[float, float]:
    """c and b of q(x_level | x_lower) = N(c x_lower, b I)."""
    c = level.alpha / lower.alpha
    return c, level.sigma**2 - (c * lower.sigma) ** 2
