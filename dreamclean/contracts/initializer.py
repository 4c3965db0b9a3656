"""The contract of an initializer."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from dreamclean.contracts.component import Component
from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level


class Initializer(Component):
    """A way from the picture to a latent at the top level."""

    kind: ClassVar[str] = "initializer"

    @abstractmethod
    def __call__(self, start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Noise) -> Latent:
        """``start``: the picture in model space, or the operator's first image for the measurement (B, C, H, W).

        ``levels`` ascend from the picture's own; the result is a latent at ``levels[-1]``.
        """
