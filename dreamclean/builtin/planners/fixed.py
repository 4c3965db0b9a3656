"""The planner that does not look: every picture is treated by the recipe as it stands."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from dreamclean.contracts.estimate import Predict
from dreamclean.contracts.planner import Plan, Planner
from dreamclean.contracts.prior import Prior


class Fixed(Planner):
    """Treat every picture alike, by the recipe as it stands."""

    name = "fixed"
    looks: ClassVar[bool] = False

    def __call__(self, image: Tensor, info: Mapping[str, Any], prior: Prior, predict: Predict) -> Plan:
        return Plan()
