"""The contract of a path: in which order the levels are visited."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from dreamclean.contracts.component import Component
from dreamclean.contracts.levels import Level


class Path(Component):
    """An order in which levels are visited, from the top to the picture."""

    kind: ClassVar[str] = "path"

    @abstractmethod
    def __call__(self, levels: Sequence[Level]) -> Sequence[Level]:
        """The levels after the top, the last being the picture's own.

        ``levels`` ascend from the picture's own to the top. A step to a higher level adds fresh noise and needs no
        evaluation.
        """
