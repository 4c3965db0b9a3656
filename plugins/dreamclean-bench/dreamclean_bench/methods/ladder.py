"""The noise levels that a sampling method goes down."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from dreamclean import Level, Prior
from dreamclean.recipe.strength import checked_strength

Strength = Annotated[float | str | None, AfterValidator(checked_strength)]
"""A top noise level as the kernel's recipes write it: a timestep, ``nsr:R``, or None."""


class Ladder(BaseModel):
    """Settings that say which noise levels a method visits. A mixin: ``class DPS(Ladder, PixelMethod)``."""

    strength: Strength = Field(
        default=None,
        description="Top noise level: a timestep, or nsr:R for sigma / alpha = R; none: the highest that the prior knows",
    )
    steps: int = Field(default=100, ge=1, description="Steps from the top noise level to the picture")

    def levels(self, prior: Prior) -> list[Level]:
        """``steps + 1`` ascending levels, from the picture's own (a = 1, s = 0) to the top."""
        top = prior.schedule.highest if self.strength is None else self.strength
        return prior.schedule.ladder(top, self.steps)
