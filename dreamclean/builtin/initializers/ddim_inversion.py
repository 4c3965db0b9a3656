"""DDIM inversion (Song et al. 2021; DreamClean, Eq. 7 and Algorithm A1)."""

from collections.abc import Sequence

from torch import Tensor

from dreamclean.builtin.samplers.ddim import ddim_step
from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.initializer import Initializer
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level, ascending


class DDIMInversion(Initializer):
    """Embed the picture by deterministic DDIM steps taken upwards (paper, Eq. 7, Algorithm A1).

    Each step evaluates the network once, at its source level.
    """

    name = "ddim-inversion"

    def __call__(self, start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Noise) -> Latent:
        x = start
        for level, higher in ascending(levels):
            x = ddim_step(denoise.invert(x, level), higher)
        return Latent(x, levels[-1])
