"""DDIM inversion (Song et al. 2021; DreamClean, Eq. 7 and Algorithm A1)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from dreamclean.builtin.samplers.ddim import ddim_step
from dreamclean.contracts.initializer import Initializer, Noise
from dreamclean.contracts.levels import Level, ascending

if TYPE_CHECKING:
    from dreamclean.method.loop import Estimator


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
