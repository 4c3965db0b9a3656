"""The state of a run: what one step knows and hands on to the next."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor

from dreamclean.contracts.estimate import Estimate, Predict
from dreamclean.contracts.levels import Level

Noise = Callable[[Tensor], Tensor]
"""Fresh standard normal noise shaped as its argument, each image of the batch from its own generator."""

Entry = Callable[[Tensor, Level], Tensor]
"""A latent of a level, to the same with those parts of the picture replaced whose start level is not reached."""


class Past(NamedTuple):
    """A step that was taken: its level and the posterior mean (B, C, H, W) there."""

    level: Level
    x0: Tensor


@dataclass(frozen=True, eq=False)
class Latent:
    """A picture on its way: ``x`` (B, C, H, W) at ``level``."""

    x: Tensor
    level: Level
    estimate: Estimate | None = None
    """The estimate at this ``x``, where it is known without an evaluation."""
    history: tuple[Past, ...] = ()
    """For multistep samplers: what they keep of the steps before, the latest first."""
    entry: Entry | None = None
    """For starts that let parts of the picture in later: applied to every latent that a sampler makes."""

    def estimated(self, denoise: Predict) -> Estimate:
        """The estimate here: the known one, else ``denoise`` is asked."""
        return denoise(self.x, self.level) if self.estimate is None else self.estimate

    def corrected(self, x: Tensor, estimate: Estimate | None = None) -> "Latent":
        """Another ``x`` at the same level, and the estimate there if it is known."""
        return replace(self, x=x, estimate=estimate)

    def moved(self, x: Tensor, level: Level, history: tuple[Past, ...] = ()) -> "Latent":
        """``x`` at another level, and what the sampler wants to know at its next step."""
        x = self.entry(x, level) if self.entry else x
        return replace(self, x=x, level=level, estimate=None, history=history)
