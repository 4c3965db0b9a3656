"""From noise to a recipe that removes it."""

from typing import Any

from dreamclean.builtin.noise.coloured import Coloured
from dreamclean.builtin.noise.spectrum import to_bands
from dreamclean.builtin.noise.stationary import Stationary
from dreamclean.contracts.levels import Schedule

STEPS = 8
LOUDER = 1.0
"""The noise is taken to be so many times as wide as it is."""


def noise_treatment(
    noise: Coloured, schedule: Schedule, pixel_scale: float = 0.5, steps: int = STEPS
) -> dict[str, Any]:
    """Fields of a recipe for a picture with ``noise`` alone: every component starts at the level of its own.

    ``noise``: a ``Grain`` that was said or found; ``pixel_scale`` that of the prior.
    """
    table = noise.spectrum() * (LOUDER * 0.5 / pixel_scale) ** 2
    highest = schedule.at(schedule.highest).ratio
    top = schedule.timestep(min(2 * Stationary(table).loudest ** 0.5, highest))
    bands = to_bands(table, 33) if (table != table[:1]).any() else to_bands(table, 1)
    return dict(
        initializer={"name": "dreamclean/matched-spectrum", "bands": list(bands)},
        corrector="dreamclean/none",
        sampler="dreamclean/ddim",
        strength=top,
        steps=max(1, min(steps, schedule.most_steps(top))),
    )
