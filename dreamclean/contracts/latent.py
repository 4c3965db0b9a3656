"""The immutable state of a run, handed from step to step."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor

from dreamclean.contracts.estimate import Estimate, Predict
from dreamclean.contracts.levels import Level

Noise = Callable[[Tensor], Tensor]
"""Fresh standard normal noise shaped as its argument, each image of the batch from its own generator."""

Entry = Callable[[Tensor, Level], Tensor]
"""Maps a latent at a level to the same latent, with regions whose start level has not been reached replaced."""


class Past(NamedTuple):
    """A step that was taken: its level and the posterior mean (B, C, H, W) there."""

    level: Level
    x0: Tensor


@dataclass(frozen=True, eq=False)
class Latent:
    """A latent ``x`` (B, C, H, W) at ``level``, with what later steps can use."""

    x: Tensor
    level: Level
    estimate: Estimate | None = None
    """The estimate at this ``x``, if it is known without an evaluation."""
    history: tuple[Past, ...] = ()
    """For multistep samplers: the steps before, the latest first."""
    entry: Entry | None = None
    """For starts with a level for each region: applied to every latent that a sampler makes."""

    def estimated(self, denoise: Predict) -> Estimate:
        """The estimate here: the known one, else that of ``denoise``."""
        return denoise(self.x, self.level) if self.estimate is None else self.estimate

    def corrected(self, x: Tensor, estimate: Estimate | None = None) -> "Latent":
        """Another ``x`` at the same level, and the estimate there if it is known."""
        return replace(self, x=x, estimate=estimate)

    def moved(self, x: Tensor, level: Level, history: tuple[Past, ...] = ()) -> "Latent":
        """``x`` at another level, with the ``history`` that the sampler needs at its next step."""
        x = self.entry(x, level) if self.entry else x
        return replace(self, x=x, level=level, estimate=None, history=history)
