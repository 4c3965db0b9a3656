"""Even steps in the timestep."""

from collections.abc import Sequence

from dreamclean.contracts.levels import Schedule
from dreamclean.contracts.spacing import Spacing


class Uniform(Spacing):
    """Even steps in the model's timestep t."""

    name = "uniform"

    def __call__(self, schedule: Schedule, top: float, steps: int) -> Sequence[float]:
        low = schedule.lowest
        return [min(low + (top - low) * k / steps, top) for k in range(steps + 1)]  # rounding stays below
