"""The contract of an initializer."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from dreamclean.contracts.component import Component
from dreamclean.contracts.levels import Level

if TYPE_CHECKING:
    from dreamclean.method.loop import Estimator

Noise = Callable[[Tensor], Tensor]
"""Fresh standard normal noise shaped as its argument, each image of the batch from its own generator."""


class Initializer(Component):
    """A way from the picture to a latent at the top level."""

    kind: ClassVar[str] = "initializer"

    @abstractmethod
    def __call__(self, start: Tensor, levels: Sequence[Level], estimate: "Estimator", noise: Noise) -> Tensor:
        """``start``: the picture in model space, or what the operator makes of the measurement (B, C, H, W).

        ``levels`` ascend from the picture's own; the result is a latent at ``levels[-1]``.
        """
