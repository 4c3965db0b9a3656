"""What several methods share: the first latent, and ancestral steps."""

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import Level, Schedule
from dreamclean.host.host import host
from dreamclean_bench.method import Problem
from dreamclean_bench.methods.ladder import Ladder


def first_latent(problem: Problem, top: Level, strength: float | str | None) -> Tensor:
    """The latent (B, 3, H, W) where sampling starts: pure noise at the prior's highest level.

    Where a ``strength`` below it was asked for, the operator's first image with that level's noise.
    """
    assert problem.operator is not None
    shape = problem.operator.image_shape(problem.y)
    z = problem.noise(torch.empty(shape, dtype=problem.y.dtype, device=problem.y.device))
    if strength is None:
        return top.sigma * z
    return top.alpha * problem.model.codec.encode(problem.operator.start(problem.y)) + top.sigma * z


class Ancestral(Ladder):
    """Settings of the methods that sample as DDPM does, by default at every one of 1000 noise levels."""

    steps: int = Field(default=1000, ge=2, description="Noise levels visited, one evaluation of the prior at each")
    clip: bool = Field(default=True, description="Clip each posterior mean to [-1, 1], as the published code does")

    def levels(self, schedule: Schedule) -> list[Level]:
        """The picture's level and ``steps`` ascending ones, from the quietest (t = 0) to the top."""
        top = schedule.highest if self.strength is None else self.strength
        picture, *noisy = schedule.ladder(top, self.steps - 1, host().make("spacing", schedule.usual))
        return [picture, schedule.at(schedule.lowest), *noisy]


def ancestral(x: Tensor, x0: Tensor, level: Level, lower: Level) -> tuple[Tensor, float]:
    """Mean and variance of q(x_lower | x_level, x0) (Ho et al. 2020, Eq. 7, for any a and s).

    With c = a_i / a_j and b = s_i^2 - c^2 s_j^2 (DDPM's sqrt(alpha_i) and beta_i) the mean is
    (c s_j^2 x_i + a_j b x0) / s_i^2 and the variance b s_j^2 / s_i^2.
    """
    c, b = transition(level, lower)
    mean = (c * lower.sigma**2 * x + lower.alpha * b * x0) / level.sigma**2
    return mean, b * lower.sigma**2 / level.sigma**2


def transition(level: Level, lower: Level) -> tuple[float, float]:
    """c and b of q(x_level | x_lower) = N(c x_lower, b I)."""
    c = level.alpha / lower.alpha
    return c, level.sigma**2 - (c * lower.sigma) ** 2
