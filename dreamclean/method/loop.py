"""The loop: embed the picture, then resample it while a corrector keeps the latents near those of clean images."""

import math
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level

Initialize = Callable[[Tensor, Sequence[Level], Denoise, Noise], Latent]
Correct = Callable[[Latent, Denoise, Noise], Latent]
Move = Callable[[Latent, Level, Denoise, Noise], Latent]
"""What an initializer, a corrector and a sampler are to the loop."""


def resample(
    start: Tensor,
    levels: Sequence[Level],
    path: Sequence[Level],
    denoise: Denoise,
    initializer: Initialize,
    corrector: Correct,
    sampler: Move,
    noise: Noise,
) -> Iterator[Latent]:
    """DreamClean (paper, Algorithms A1 to A3): from the picture ``start`` in model space to the clean one there.

    ``levels`` ascend from the picture to the top; ``path`` leads from there down to the picture again. Yields the
    latent at the top and after every step.
    """
    latent = initializer(start, levels, denoise, noise)
    del start  # a large picture's memory
    yield latent
    for level in path:
        if level.ratio > latent.level.ratio:
            latent = climb(latent, level, noise)
        else:
            latent = corrector(latent, denoise, noise)
            latent = sampler(latent, level, denoise, noise)
        yield latent


def climb(latent: Latent, higher: Level, noise: Noise) -> Latent:
    """Noise anew, x_j = c x_i + sqrt(s_j^2 - c^2 s_i^2) z with c = a_j / a_i: time travel (RePaint, Lugmayr et al. 2022)."""
    c = higher.alpha / latent.level.alpha
    drawn = math.sqrt(max(higher.sigma**2 - (c * latent.level.sigma) ** 2, 0.0))
    return latent.moved(c * latent.x + drawn * noise(latent.x), higher)
