"""No corrector: inversion and sampling alone."""

from typing import TYPE_CHECKING

from torch import Tensor

from dreamclean.contracts.corrector import Corrector
from dreamclean.contracts.initializer import Noise
from dreamclean.contracts.levels import Level

if TYPE_CHECKING:
    from dreamclean.method.loop import Estimator


class NoCorrector(Corrector):
    """Leave the latents as they are (the row "none" of the paper's Table 5)."""

    name = "none"

    def __call__(self, x: Tensor, level: Level, estimate: "Estimator", noise: Noise) -> Tensor:
        return x
