"""The planner that uses the recipe unchanged for every picture."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from dreamclean.contracts.model import Model
from dreamclean.contracts.planner import Plan, Planner
from dreamclean.contracts.prior import Prior


class Fixed(Planner):
    """Use the recipe unchanged for every picture."""

    name = "fixed"
    looks: ClassVar[bool] = False

    def __call__(self, image: Tensor, info: Mapping[str, Any], prior: Prior, model: Model) -> Plan:
        return Plan()
