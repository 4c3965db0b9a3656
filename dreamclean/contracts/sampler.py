"""The contract of a sampler."""

from abc import abstractmethod
from typing import ClassVar

from dreamclean.contracts.component import Component
from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level


class Sampler(Component):
    """A step from one noise level to the next lower one."""

    kind: ClassVar[str] = "sampler"

    @abstractmethod
    def __call__(self, latent: Latent, lower: Level, denoise: Denoise, noise: Noise) -> Latent:
        """A latent at ``lower``: ``latent.moved(x, lower)``, with the history that the next step needs.

        The first estimate is ``latent.estimated(denoise)``, which may already be known; ``denoise`` may be called
        again at other points.
        """
