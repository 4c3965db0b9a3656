"""Even steps in the logarithm of the signal-to-noise ratio."""

import math
from collections.abc import Sequence

from dreamclean.contracts.levels import Schedule
from dreamclean.contracts.spacing import Spacing


class LogSNR(Spacing):
    """Even steps in log(alpha / sigma), as in DPM-Solver (Lu et al. 2022, section 3.3)."""

    name = "log-snr"

    def __call__(self, schedule: Schedule, top: float, steps: int) -> Sequence[float]:
        low, high = (math.log(schedule.at(t).ratio) for t in (schedule.lowest, top))
        ratios = (math.exp(low + (high - low) * k / steps) for k in range(1, steps))
        return [schedule.lowest, *map(schedule.timestep, ratios), top]
