"""The contract of a spacing: where between the picture and the top the noise levels lie."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from dreamclean.contracts.component import Component
from dreamclean.contracts.levels import Schedule


class Spacing(Component):
    """A rule that distributes noise levels between the picture and the top."""

    kind: ClassVar[str] = "spacing"

    @abstractmethod
    def __call__(self, schedule: Schedule, top: float, steps: int) -> Sequence[float]:
        """``steps + 1`` ascending timesteps from ``schedule.lowest`` to ``top``.

        They need not be ones that the model has: those nearest to them are visited, none of them twice.
        """
