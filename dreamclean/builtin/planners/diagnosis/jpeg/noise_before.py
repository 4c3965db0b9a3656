"""Noise that a picture had before it became a JPEG, from what is left of it in the quietest blocks."""

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from dreamclean.builtin.operators import dct
from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.planners.diagnosis.jpeg.planes import blocks, unclipped
from dreamclean.builtin.planners.diagnosis.network import Network

WEIGHTS = Path(__file__).with_name("noise_before.safetensors")
"""A small network (contrib/calibrate/jpeg_noise.py)."""
GROUPS = (1, 2, 3, 4, 5, 7, 9, 12, 15)
"""Sums of the two frequencies of a coefficient, between which a group lies."""
QUANTILES = (0.05, 0.15, 0.3, 0.5)
SURE, SURE_FINE = 0.8, 0.65
"""Least probability of noise: after coarse steps, which leave little of it, and after fine ones."""
FINE = 60.0
"""The mean of luma steps that are fine; quality 50 has 57.6."""
_TINY = 0.05


def noise_before(image: Tensor, operator: JPEG) -> float | None:
    """Standard deviation, [0, 1] scale, of the white noise that ``image`` (1, 3, H, W) in [0, 1] had before ``operator``.

    None where there probably was none. Small steps keep the noise, large ones set it to 0: what is found is the noise
    that, with these steps, would leave what the quietest blocks show.
    """
    answer = _network()(block_power(image, operator)[None])[0]
    least = SURE_FINE if fine(operator) else SURE
    return float(answer[0].exp()) / 255 if float(answer[-1].sigmoid()) >= least else None


def fine(operator: JPEG) -> bool:
    """Whether the steps of the decisive pass are fine."""
    luma = operator.passes()[operator.decisive()][0]
    return sum(luma) / len(luma) <= FINE


def block_power(image: Tensor, operator: JPEG) -> Tensor:
    """The features (72,) of the blocks of the decisive pass of ``operator``, as it left them.

    Half the log of the ``QUANTILES`` over blocks of the power in each group of coefficients, of luma and of the mean of
    the colour differences, and of the squared steps, of 255.
    """
    number, image = operator.decisive(), operator.undone(image[:1].float().cpu())
    ycc = 255 * dct.to_ycc(image)[0]
    clipped = ((image[0] <= 0) | (image[0] >= 1)).any(0)
    grid = operator.grids()[number]
    rows, columns = -grid.rows % 8, -grid.columns % 8
    whole = unclipped(clipped, rows, columns)
    luma, blue, red = (blocks(plane, rows, columns)[whole] for plane in ycc)
    planes = [luma.square(), (blue.square() + red.square()) / 2]
    power = torch.stack([_grouped(plane) for plane in planes], 1)
    quantiles = torch.quantile(power, torch.tensor(QUANTILES), dim=0).flatten()
    steps = _grouped(torch.tensor(operator.passes()[number][0]).float().square()[None])[0]
    return (torch.cat([quantiles, steps]) + _TINY).log() / 2


def _grouped(squares: Tensor) -> Tensor:
    """Means (N, 8) of (N, 64) over groups of frequencies."""
    place = torch.arange(64)
    total = place // 8 + place % 8
    return torch.stack([squares[:, (total >= low) & (total < high)].mean(1) for low, high in pairwise(GROUPS)], 1)


@lru_cache(maxsize=1)
def _network() -> Network:
    from safetensors.torch import load_file

    return Network(load_file(WEIGHTS))
