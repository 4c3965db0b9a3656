"""Variance Preservation Sampling (DreamClean, Eq. 8, 9 and Algorithm A2)."""

import math

from pydantic import Field, model_validator

from dreamclean.builtin.correctors.score import ScoreCorrector
from dreamclean.contracts.estimate import Denoise, Estimate
from dreamclean.contracts.latent import Latent, Noise


class VPS(ScoreCorrector):
    """Variance Preservation Sampling: x <- x - g s eps + sqrt(g (2 - g)) s z (paper, Eq. 8, 9, A2).

    The variance of the noise component is kept: (1 - g)^2 + g (2 - g) = 1. At gamma = 1, the limit, all noise is
    fresh.
    """

    name = "vps"
    fused: bool = Field(
        default=False, description="Pass the corrected noise to the sampler, which then needs no evaluation of its own"
    )

    @model_validator(mode="after")
    def _fused_needs_projection(self) -> "VPS":
        if self.fused and not self.projected:
            raise ValueError("fused=true passes the projected estimate on, so it needs projected=true")
        return self

    def noise_scale(self) -> float:
        return math.sqrt(self.gamma * (2 - self.gamma))

    def __call__(self, latent: Latent, denoise: Denoise, noise: Noise) -> Latent:
        if not self.fused:
            return super().__call__(latent, denoise, noise)
        for _ in range(self.repeats):
            eps, x0 = latent.estimated(denoise)
            eps = noise(latent.x).mul_(self.noise_scale()).add_(eps, alpha=1 - self.gamma)
            latent = latent.corrected(latent.level.latent(x0, eps))
        return latent.corrected(latent.x, Estimate(eps, x0))
