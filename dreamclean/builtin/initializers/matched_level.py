"""Matched-level start: the damage itself is the noise."""

from collections.abc import Sequence

from torch import Tensor

from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.initializer import Initializer
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level


class MatchedLevel(Initializer):
    """Take the picture, scaled by the level's signal, as the latent of the top level: x = a y.

    Correct if the strength matches the damage: white noise of standard deviation d (in [-1, 1]) is
    exactly the level with s / a = d, since a y = a x0 + a d eps. Costs no evaluation.
    """

    name = "matched-level"

    def __call__(self, start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Noise) -> Latent:
        return Latent(levels[-1].alpha * start, levels[-1])
