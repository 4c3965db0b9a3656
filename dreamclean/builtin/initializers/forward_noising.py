"""Forward noising (DreamClean, Eq. 2 and section 3.5)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from dreamclean.contracts.initializer import Initializer, Noise
from dreamclean.contracts.levels import Level

if TYPE_CHECKING:
    from dreamclean.method.loop import Estimator


class ForwardNoising(Initializer):
    """Add the top level's noise to the picture: x = a x_init + s eps (paper, Eq. 2, section 3.5)."""

    name = "forward-noising"

    def __call__(self, start: Tensor, levels: Sequence[Level], estimate: "Estimator", noise: Noise) -> Tensor:
        return levels[-1].latent(start, noise(start))
