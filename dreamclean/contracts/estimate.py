"""Estimates of the noise and of the clean picture in a latent, and the callables that make them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from dreamclean.contracts.levels import Level

if TYPE_CHECKING:
    from dreamclean.contracts.measurement import Measurement


class Estimate(NamedTuple):
    """Of a latent ``x_t``: its noise ``eps`` and the posterior mean ``x0`` = E[x_0 | x_t], both shaped as x_t."""

    eps: Tensor
    x0: Tensor

    @classmethod
    def from_eps(cls, x: Tensor, level: Level, eps: Tensor) -> "Estimate":
        """x0 = (x - s eps) / a (paper, Eq. 10)."""
        return cls(eps, torch.sub(x, eps, alpha=level.sigma).div_(level.alpha))

    @classmethod
    def from_x0(cls, x: Tensor, level: Level, x0: Tensor) -> "Estimate":
        """eps = (x - a x0) / s."""
        return cls(torch.sub(x, x0, alpha=level.alpha).div_(level.sigma), x0)


Predict = Callable[[Tensor, Level], Estimate]
"""One evaluation: latents (B, C, H, W) at a level -> their estimate."""


@dataclass(frozen=True)
class Denoise:
    """``denoise(x, level)``: the estimate at x, in agreement with the measurement if there is one."""

    guided: Predict
    prior: Predict
    """The prior's own estimate, without the measurement. One evaluation."""
    invert: Predict
    """The prior's own estimate on the way up, where a text-guided model is not guided. One evaluation."""
    measurement: "Measurement | None" = None
    """What was measured, where no guidance brings ``guided`` into agreement with it; None where nothing else is to."""

    def __call__(self, x: Tensor, level: Level) -> Estimate:
        return self.guided(x, level)
