"""The contract of a corrector."""

from abc import abstractmethod
from typing import ClassVar

from dreamclean.contracts.component import Component
from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.latent import Latent, Noise


class Corrector(Component):
    """A change of latents within their noise level."""

    kind: ClassVar[str] = "corrector"

    @abstractmethod
    def __call__(self, latent: Latent, denoise: Denoise, noise: Noise) -> Latent:
        """Another latent at the same level: ``latent.corrected(x)``, with the estimate there if it is known."""
