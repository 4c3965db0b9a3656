"""The contract of a sampler."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from dreamclean.contracts.component import Component
from dreamclean.contracts.initializer import Noise
from dreamclean.contracts.levels import Level

if TYPE_CHECKING:
    from dreamclean.method.loop import Estimator


class Sampler(Component):
    """A step from one noise level to the next lower one."""

    kind: ClassVar[str] = "sampler"

    @abstractmethod
    def __call__(self, x: Tensor, level: Level, lower: Level, estimate: "Estimator", noise: Noise) -> Tensor:
        """``x`` (B, C, H, W) at ``level`` to a latent at ``lower``; ``estimate`` may be asked more than once."""
