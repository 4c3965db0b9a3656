"""The contract of guidance: how an estimate is brought into agreement with a measurement."""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from dreamclean.contracts.codec import Codec
from dreamclean.contracts.component import Component
from dreamclean.contracts.estimate import Estimate, Predict
from dreamclean.contracts.levels import Level
from dreamclean.contracts.operator import Operator


class Guidance(Component):
    """A way to bring the prior's estimate into agreement with what was measured."""

    kind: ClassVar[str] = "guidance"
    agrees: ClassVar[bool] = True
    """Whether its estimates agree with the measurement. If not, that is left to the start or the sampler."""

    def refuses(self, operator: Operator) -> str:
        """Why it cannot serve ``operator``, in a few words; empty if it can."""
        return ""

    @abstractmethod
    def __call__(
        self, predict: Predict, x: Tensor, level: Level, operator: Operator, y: Tensor, codec: Codec
    ) -> Estimate:
        """The estimate at ``x`` (B, C, H, W), ``level.sigma > 0``, that agrees with the measurement ``y``.

        ``predict(x, level)`` is one evaluation of the prior; it can be differentiated under
        ``torch.enable_grad``. ``codec`` converts between the estimate's space and pictures in [0, 1].
        """
