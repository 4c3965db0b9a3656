import dreamclean
import pydantic
from dreamclean.contracts.latent import Noise


class {{ cookiecutter.__class }}(dreamclean.Corrector):
    """{{ cookiecutter.__doc }}"""

    name = "{{ cookiecutter.name }}"
    fresh: float = pydantic.Field(default=0.5, ge=0, le=1, description="Share of the variance drawn anew")

    def __call__(self, latent: dreamclean.Latent, denoise: dreamclean.Denoise, noise: Noise) -> dreamclean.Latent:
        """Another latent at the same level: here the same estimate, with part of its noise drawn anew."""
        (eps, x0), level = latent.estimated(denoise), latent.level
        mixed = (1 - self.fresh) ** 0.5 * eps + self.fresh**0.5 * noise(x0)
        return latent.corrected(level.alpha * x0 + level.sigma * mixed)
