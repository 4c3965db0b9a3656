"""The form that VPS, Langevin dynamics and gradient ascent share (DreamClean, section 3.6)."""

from abc import abstractmethod

from pydantic import Field

from dreamclean.contracts.corrector import Corrector
from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.latent import Latent, Noise


class ScoreCorrector(Corrector):
    """x <- x - gamma s eps + c(gamma) s z, applied M = ``repeats`` times; c depends on the subclass."""

    gamma: float = Field(default=0.05, gt=0, le=1, description="Step size gamma")
    repeats: int = Field(default=1, ge=1, description="Repetitions M at each level")
    projected: bool = Field(
        default=True, description="With a known operator: see the estimate after projection, not before"
    )

    @abstractmethod
    def noise_scale(self) -> float:
        """c(gamma), the fresh noise's standard deviation in units of s."""

    def __call__(self, latent: Latent, denoise: Denoise, noise: Noise) -> Latent:
        see, s = denoise if self.projected else denoise.prior, latent.level.sigma
        for _ in range(self.repeats):
            x = latent.x - self.gamma * s * latent.estimated(see).eps
            if self.noise_scale():
                x = x + self.noise_scale() * s * noise(x)
            latent = latent.corrected(x)
        return latent
