"""The prior's opinion of a mask: what it expects of each pixel when the lost ones are taken out, beside what stands there."""

from collections.abc import Callable

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.outliers.local import distance, in_bands, median
from dreamclean.contracts.filled import filled
from dreamclean.contracts.model import Model

Ask = Callable[[Tensor, float], Tensor]
"""``ask(picture, std)``: the posterior mean of a picture (1, 3, H, W) in [0, 1] with white noise of ``std``."""
ASKED = 0.08
"""Standard deviation that the prior is told at least, so that it looks at what is around a pixel."""
FLOOR, TIMES = 0.07, 4.0
"""A pixel is unexpected when it is off by more than FLOOR, and TIMES as far as those around it, and twice the noise more."""


def asking(model: Model) -> Ask:
    """A model as an ``Ask``."""

    def ask(picture: Tensor, std: float) -> Tensor:
        schedule, codec = model.schedule, model.codec
        highest = schedule.at(schedule.highest).ratio
        level = schedule.at(schedule.timestep(min(std / codec.pixel_scale, highest)))
        x = level.alpha * codec.encode(picture)
        return codec.decode((x - level.sigma * model.predict(x, level)) / level.alpha)

    return ask


def unexpected(x: Tensor, lost: Tensor, noise: float, ask: Ask) -> Tensor:
    """Where ``x`` (1, 3, H, W) is not what the prior expects from the pixels that are not ``lost``. One evaluation."""
    off = distance(x, ask(filled(x, lost), max(ASKED, noise)))
    usual = in_bands(lambda rows: median(rows, 7), torch.where(lost, torch.zeros_like(off), off), 3)
    return off > torch.clamp(TIMES * usual, min=FLOOR) + 2 * noise
