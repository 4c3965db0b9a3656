"""DDIM (Song, Meng & Ermon 2021, Eq. 12 and 16; DreamClean, Algorithm A3)."""

import math

from pydantic import Field
from torch import Tensor

from dreamclean.contracts.estimate import Denoise, Estimate
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level
from dreamclean.contracts.sampler import Sampler


def ddim_step(estimate: Estimate, to: Level) -> Tensor:
    """x_j = a_j x0 + s_j eps, up or down (paper, Algorithms A1 and A3)."""
    return to.latent(estimate.x0, estimate.eps)


class DDIM(Sampler):
    """Denoising diffusion implicit model step: x_j = a_j x0 + sqrt(s_j^2 - v) eps + sqrt(v) z.

    v = eta^2 s_j^2 (1 - (a_i s_j / a_j s_i)^2) is the share of the noise that is drawn anew: eta = 0 is
    the paper's deterministic Algorithm A3, eta = 1 ancestral sampling, which its Appendix A.9 assumes.
    """

    name = "ddim"
    eta: float = Field(default=0.0, ge=0, le=1, description="Share of stochasticity: 0 deterministic, 1 ancestral")

    def __call__(self, latent: Latent, lower: Level, denoise: Denoise, noise: Noise) -> Latent:
        level, (eps, x0) = latent.level, latent.estimated(denoise)
        variance = (self.eta * lower.sigma) ** 2 * (1 - (level.alpha * lower.sigma / (lower.alpha * level.sigma)) ** 2)
        if variance <= 0:
            return latent.moved(ddim_step(Estimate(eps, x0), lower), lower)
        kept = math.sqrt(lower.sigma**2 - variance)
        return latent.moved(lower.alpha * x0 + kept * eps + math.sqrt(variance) * noise(latent.x), lower)
