"""No corrector: inversion and sampling alone."""

from dreamclean.contracts.corrector import Corrector
from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.latent import Latent, Noise


class NoCorrector(Corrector):
    """Leave the latents as they are (the row "none" of the paper's Table 5)."""

    name = "none"

    def __call__(self, latent: Latent, denoise: Denoise, noise: Noise) -> Latent:
        return latent
