"""Levels close together where there is little noise."""

from collections.abc import Sequence

from pydantic import Field

from dreamclean.contracts.levels import Schedule
from dreamclean.contracts.spacing import Spacing


class Karras(Spacing):
    """Even steps in (sigma / alpha)^(1 / rho): the closer, the less noise (Karras et al. 2022, Eq. 5)."""

    name = "karras"
    rho: float = Field(default=7.0, ge=1, description="1: even steps in sigma / alpha; the higher, the denser below")

    def __call__(self, schedule: Schedule, top: float, steps: int) -> Sequence[float]:
        low, high = (schedule.at(t).ratio ** (1 / self.rho) for t in (schedule.lowest, top))
        ratios = ((low + (high - low) * k / steps) ** self.rho for k in range(1, steps))
        return [schedule.lowest, *map(schedule.timestep, ratios), top]
