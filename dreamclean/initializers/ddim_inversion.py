"""DDIM inversion (Song et al. 2021; DreamClean, Eq. 7 and Algorithm A1)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from dreamclean.initializers.base import Initializer, Noise
from dreamclean.levels import Level, ascending
from dreamclean.samplers.ddim import ddim_step

if TYPE_CHECKING:
    from dreamclean.loop import Estimator


class DDIMInversion(Initializer):
    """Embed the picture by deterministic DDIM steps taken upwards (paper, Eq. 7, Algorithm A1).

    The network is asked at the source level of each step, once a step.
    """

    name = "ddim-inversion"

    def __call__(self, start: Tensor, levels: Sequence[Level], estimate: "Estimator", noise: Noise) -> Tensor:
        x = start
        for level, higher in ascending(levels):
            x = ddim_step(estimate.invert(x, level), higher)
        return x
