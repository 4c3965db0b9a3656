import dreamclean
import pydantic
from dreamclean.contracts.latent import Noise


class {{ cookiecutter.__class }}(dreamclean.Sampler):
    """{{ cookiecutter.__doc }}"""

    name = "{{ cookiecutter.name }}"
    fresh: float = pydantic.Field(default=0.5, ge=0, le=1, description="Share of the variance drawn anew")

    def __call__(
        self, latent: dreamclean.Latent, lower: dreamclean.Level, denoise: dreamclean.Denoise, noise: Noise
    ) -> dreamclean.Latent:
        """A latent at the lower level: here DDIM's step, with part of the noise drawn anew."""
        eps, x0 = latent.estimated(denoise)
        mixed = (1 - self.fresh) ** 0.5 * eps + self.fresh**0.5 * noise(x0)
        return latent.moved(lower.alpha * x0 + lower.sigma * mixed, lower)
