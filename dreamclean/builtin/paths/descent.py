"""Down, one level after the other (DreamClean, Algorithm A3)."""

from collections.abc import Sequence

from dreamclean.contracts.levels import Level
from dreamclean.contracts.path import Path


class Descent(Path):
    """From the top down to the picture, one level after the other (paper, Algorithm A3)."""

    name = "descent"

    def __call__(self, levels: Sequence[Level]) -> Sequence[Level]:
        return levels[-2::-1]
