"""No guidance: the prior's own estimates."""

from typing import ClassVar

from torch import Tensor

from dreamclean.contracts.codec import Codec
from dreamclean.contracts.estimate import Estimate, Predict
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.levels import Level
from dreamclean.contracts.operator import Operator


class NoGuidance(Guidance):
    """Leave the estimates as they are.

    For a start that holds all that the measurement says (``matched-spectrum``), or a sampler that sees to it (``soft-ddrm``).
    """

    name = "none"
    agrees: ClassVar[bool] = False

    def __call__(
        self, predict: Predict, x: Tensor, level: Level, operator: Operator, y: Tensor, codec: Codec
    ) -> Estimate:
        return predict(x, level)
