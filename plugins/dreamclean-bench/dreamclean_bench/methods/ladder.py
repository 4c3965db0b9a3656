"""The noise levels that a sampling method goes down, and its start at the top."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from torch import Tensor

from dreamclean import Denoise, ForwardNoising, Latent, Level, Schedule
from dreamclean.contracts.errors import InvalidSetting
from dreamclean.contracts.latent import Noise
from dreamclean.host.host import host
from dreamclean.method.loop import Initialize
from dreamclean.recipe.strength import checked_strength

Strength = Annotated[float | str | None, AfterValidator(checked_strength)]
"""A top noise level as the kernel's recipes write it: a timestep, ``nsr:R``, or None."""


def pure_noise(start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Noise) -> Latent:
    """An initializer: x = s eps at the top level, with the shape of the picture ``start``."""
    return Latent(levels[-1].sigma * noise(start), levels[-1])


class Ladder(BaseModel):
    """Settings that say which noise levels a method visits. A mixin: ``class DPS(Ladder, PixelMethod)``."""

    strength: Strength = Field(
        default=None,
        description="Top noise level: a timestep, or nsr:R for sigma / alpha = R; none: the highest that the prior knows",
    )
    steps: int = Field(default=100, ge=1, description="Steps from the top noise level to the picture")

    def levels(self, schedule: Schedule) -> list[Level]:
        """``steps + 1`` ascending levels, from the picture's own (a = 1, s = 0) to the top."""
        top = schedule.highest if self.strength is None else self.strength
        return schedule.ladder(top, self.steps, host().make("spacing", schedule.usual))

    def from_lowest(self, schedule: Schedule, shares: Sequence[float]) -> list[Level]:
        """The picture's own level, and those at ascending ``shares`` of the way from the lowest timestep to the top.

        InvalidSetting where there are not so many.
        """
        low = schedule.lowest
        top = schedule.highest if self.strength is None else schedule.resolve(self.strength)
        times = schedule.nearest([low + (top - low) * share for share in shares])
        if min(times) < low or len(set(times)) < len(times):
            raise InvalidSetting(f"{len(times)} steps do not fit between the timesteps {low:g} and {top:g}")
        return [schedule.clean, *map(schedule.at, times)]

    @property
    def initializer(self) -> Initialize:
        """Pure noise at the prior's highest level; with a ``strength``, the operator's first image with that level's noise."""
        return pure_noise if self.strength is None else ForwardNoising()
