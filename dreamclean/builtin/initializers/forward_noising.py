"""Forward noising (DreamClean, Eq. 2 and section 3.5)."""

from collections.abc import Sequence

from torch import Tensor

from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.initializer import Initializer
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level


class ForwardNoising(Initializer):
    """Add the top level's noise to the picture: x = a x_init + s eps (paper, Eq. 2, section 3.5)."""

    name = "forward-noising"

    def __call__(self, start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Noise) -> Latent:
        return Latent(levels[-1].latent(start, noise(start)), levels[-1])
