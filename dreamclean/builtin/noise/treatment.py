"""From noise to a recipe that removes it."""

from typing import Any

import torch
from torch import Tensor

from dreamclean.builtin.noise.spectrum import to_bands
from dreamclean.builtin.noise.stationary import Stationary
from dreamclean.contracts.levels import Schedule
from dreamclean.contracts.measurement_noise import photon_variance

STEPS = 8
"""Of a descent in which parts start at levels of their own: they need all of them to get there."""
FEW = 2
"""Where all that is done is to remove noise: more are crisper, at some cost in PSNR."""


def noise_treatment(spectrum: Tensor, schedule: Schedule, pixel_scale: float = 0.5) -> dict[str, Any]:
    """Fields of a recipe for a picture with noise alone: every component starts at the level of its own.

    ``spectrum``: the noise's covariance of the channels (N, 3, 3) at N radial frequencies, [0, 1] scale; ``pixel_scale``:
    that of the prior. The picture is the start, so guidance must not count it a second time.
    """
    table = spectrum * (0.5 / pixel_scale) ** 2
    bands = to_bands(table, 33) if (table != table[:1]).any() else to_bands(table, 1)
    initializer = {"name": "dreamclean/matched-spectrum", "bands": list(bands)}
    start = start_at(initializer, "dreamclean/ddim", 2 * Stationary(table).loudest ** 0.5, schedule)
    return {**start, "steps": min(FEW, start["steps"])} if start else {}


def photon_treatment(rate: float, white: float, schedule: Schedule, pixel_scale: float = 0.5) -> dict[str, Any]:
    """The same for Poisson noise, y = P(255 rate x) / (255 rate), and ``white`` noise beside it: it is loudest at 1."""
    loudest = float(photon_variance(torch.ones((), dtype=torch.float64), rate, white)) ** 0.5 / pixel_scale
    initializer = {"name": "dreamclean/local-level", "poisson": rate, "noise": white}
    return start_at(initializer, "dreamclean/ddim", loudest, schedule)


def start_at(initializer: dict[str, Any], sampler: str, loudest: float, schedule: Schedule) -> dict[str, Any]:
    """A descent of ``STEPS`` steps from the level of the ratio ``loudest``, or the highest that there is; empty if it has no level."""
    top = schedule.timestep(min(loudest, schedule.at(schedule.highest).ratio))
    if not top > schedule.lowest:  # it is quieter than any level
        return {}
    return dict(
        guidance="dreamclean/none",
        initializer=initializer,
        corrector="dreamclean/none",
        sampler=sampler,
        spacing=schedule.usual,
        strength=top,
        steps=max(1, min(STEPS, schedule.most_steps(top))),
    )
