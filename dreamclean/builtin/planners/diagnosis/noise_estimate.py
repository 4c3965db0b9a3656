"""The noise of a picture from the picture alone: its spectrum, its colour, and how sure that is. Asks no prior."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from dreamclean.builtin.noise.line import Line, line_of
from dreamclean.builtin.noise.spectrum import at_a_pixel, to_bands
from dreamclean.builtin.planners.diagnosis.bars import without_bars
from dreamclean.builtin.planners.diagnosis.network import Network
from dreamclean.builtin.planners.diagnosis.noise_features import EDGES, quiet_power
from dreamclean.builtin.planners.diagnosis.unsmeared import unsmeared

WEIGHTS = Path(__file__).with_name("noise_estimate.safetensors")
"""Two small networks, of the grey axis and of the chromas (contrib/calibrate/noise.py)."""
SMALLEST = 48
"""Side of the smallest picture in pixels that has blocks enough."""
ROUNDING = 0.3 / 255
"""Standard deviation of the rounding to 8 bits: noise below it is not learnt."""
SURE = 0.9
"""Least probability of noise: two of 62 crops of clean held-out photographs are taken for noisy, at 0.95 none."""
LIKELY = 0.5
"""Least probability of noise of an axis for it to count."""
GREY = Line(torch.zeros(3), torch.full((3,), 3**-0.5))


@dataclass(frozen=True)
class NoiseEstimate:
    """Noise that was found in a picture."""

    bands: tuple[float, ...]
    """Its covariance, as the setting ``bands`` of ``grain`` and ``matched-spectrum`` takes it, [0, 1] scale."""
    std: float
    """Its standard deviation at a pixel, root mean square over the channels, [0, 1] scale."""
    loudest: float
    """The standard deviation of the loudest combination of channels at a frequency; white noise's is ``std``."""
    sure: float
    """Probability that a picture that looks like this is noisy rather than detailed."""
    error: float
    """Expected relative error of ``std``."""
    line: Line | None
    """Where the picture is grey or tinted, the line of its colours, on which its noise lies too."""


def estimate_noise(image: Tensor, sure: float = SURE) -> NoiseEstimate | None:
    """The noise of ``image`` (1, 3, H, W) in [0, 1]; None where noise is less probable than ``sure``, or it is too small.

    In the quietest blocks of a picture there is little but noise. From the power there, frequency by frequency, small
    networks that saw photographs with and without noise tell what part of it is noise, along the grey axis and in the
    plane of the chromas; of a grey or tinted picture along its own axis alone.
    """
    if min(image.shape[-2:]) < SMALLEST:
        return None
    pixels = without_bars(image[:1])[0].float().cpu()
    line = line_of(pixels)
    direction = (line or GREY).direction
    along, width, found = _asked("grey", pixels, direction[None])
    across = torch.zeros_like(along)
    if line is None:
        across, _, chroma = _asked("chroma", pixels, _across(direction))
        across, found = across * (chroma >= LIKELY), max(found, chroma)
        along = along if found >= LIKELY else torch.zeros_like(along)
    if found < sure or not float(along.max() + across.max()):
        return None
    outer = torch.outer(direction, direction).double()
    table = along[:, None, None] * outer + across[:, None, None] * (torch.eye(3, dtype=torch.float64) - outer)
    std = math.sqrt(at_a_pixel(table))
    loudest = math.sqrt(float(torch.maximum(along, across).max()))
    return NoiseEstimate(to_bands(table, 33), std, loudest, found, width, line)


def _asked(axis: str, pixels: Tensor, directions: Tensor) -> tuple[Tensor, float, float]:
    """Mean power (nodes,) of the noise along ``directions`` (C, 3), its relative error, and how probable it is."""
    answers = _network(axis)(quiet_power(pixels, torch.einsum("ci,ihw->chw", directions, pixels)))
    count = len(EDGES) - 1
    power = ((2 * answers[:, :count]).exp() - ROUNDING**2).clamp(min=0).mean(0).double()
    width = float((answers[:, count : 2 * count] / 2).exp().mean())
    return unsmeared(power), width, float(answers[:, -1].sigmoid().max())


def _across(direction: Tensor) -> Tensor:
    """Two unit vectors (2, 3) at right angles to ``direction`` and to each other."""
    across: Tensor = torch.linalg.svd(direction[None]).Vh[1:]
    return across


@lru_cache(maxsize=2)
def _network(axis: str) -> Network:
    from safetensors.torch import load_file

    weights = load_file(WEIGHTS)
    return Network({name.removeprefix(f"{axis}."): w for name, w in weights.items() if name.startswith(f"{axis}.")})
