"""How much a picture has faded, if it has."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.operators.faded import LEAST, Faded

ENDS = 0.0003
"""Share of the pixels that are darker than black, or lighter than white: specks, and what noise adds."""
COMMON = 0.25
"""How far the ends of a channel are drawn to the mean of all: a scene may have no blue that is black."""
SAMPLE = 1 << 20
"""Pixels that are looked at, at most."""


def estimate_fading(image: Tensor) -> Faded:
    """The fading that gave ``image`` (1, 3, H, W) in [0, 1] its darkest and its lightest tones, which were black and white.

    Of each channel, so that a cast goes too. In a picture that has not faded these are nearly 0 and 1, but not in fog.
    """
    pixels = (F.avg_pool2d(image, 2) if min(image.shape[2:]) > 1 else image)[0].flatten(1)  # half of the noise
    pixels = pixels[:, :: -(-pixels.shape[1] // SAMPLE)].float()
    ends = torch.quantile(pixels, pixels.new_tensor([ENDS, 1 - ENDS]), dim=1)
    black, white = ends + COMMON * (ends.mean(1, keepdim=True) - ends)
    white = white.clamp(min=LEAST).maximum(black + 2 * LEAST)
    return Faded(black=_written(black), white=_written(white))


def _written(values: Tensor) -> tuple[float, ...]:
    return tuple(float(f"{value:.4g}") for value in values.tolist())
