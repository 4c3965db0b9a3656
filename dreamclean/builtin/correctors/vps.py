"""Variance Preservation Sampling (DreamClean, Eq. 8, 9 and Algorithm A2)."""

import math
from typing import TYPE_CHECKING

from pydantic import Field, model_validator
from torch import Tensor

from dreamclean.contracts.corrector import ScoreCorrector
from dreamclean.contracts.initializer import Noise
from dreamclean.contracts.levels import Level
from dreamclean.contracts.prior import Estimate

if TYPE_CHECKING:
    from dreamclean.method.loop import Estimator


class VPS(ScoreCorrector):
    """Variance Preservation Sampling: x <- x - g s eps + sqrt(g (2 - g)) s z (paper, Eq. 8, 9, A2).

    The variance of the noise component is kept: (1 - g)^2 + g (2 - g) = 1. At gamma = 1, the limit,
    all noise is drawn anew.
    """

    name = "vps"
    fused: bool = Field(
        default=False, description="Hand the corrected noise on to the sampler: no evaluation of its own there"
    )

    @model_validator(mode="after")
    def _fused_needs_projection(self) -> "VPS":
        if self.fused and not self.projected:
            raise ValueError("fused=true hands the projected estimate on, so it needs projected=true")
        return self

    def noise_scale(self) -> float:
        return math.sqrt(self.gamma * (2 - self.gamma))

    def __call__(self, x: Tensor, level: Level, estimate: "Estimator", noise: Noise) -> Tensor:
        if not self.fused:
            return super().__call__(x, level, estimate, noise)
        for _ in range(self.steps):
            eps, x0 = estimate(x, level)
            eps = noise(x).mul_(self.noise_scale()).add_(eps, alpha=1 - self.gamma)
            x = level.latent(x0, eps)
        estimate.remember(x, level, Estimate(eps, x0))
        return x
