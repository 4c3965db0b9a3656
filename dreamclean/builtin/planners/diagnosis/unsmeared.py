"""The spectrum of a noise from its mean power in bands, which the window of the blocks smears."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from dreamclean.builtin.noise.spectrum import CORNER
from dreamclean.builtin.planners.diagnosis.noise_features import EDGES, SIDE, band_power

NODES = 65
"""Radial frequencies of the result, evenly spaced from 0 to the corner."""
STEPS = 6
RISE = 1.1
"""Below the lowest band the logarithm of the power is at most so much above that of the loudest band."""
_GRID = 64
_TINY = 1e-12


def unsmeared(power: Tensor) -> Tensor:
    """The spectrum (``NODES``,) of a noise whose blocks have ``power`` (bands,), both as variances at a frequency.

    Blocks of 16 pixels see a spectrum through their window, which is as wide as a band: a steep one looks flatter than
    it is, by a factor of up to 2 for large grain. So a spectrum is looked for that, seen through the window, has the ``power``
    that was found, by multiplying each band by what it lacks (the multiplicative step of Richardson and Lucy).
    """
    levels, window = power.clone(), _window()
    for _ in range(STEPS):
        seen = window @ _between(levels)
        levels = levels * (power / seen.clamp(min=_TINY)).clamp(0.5, 2)
    return _between(levels)


def _between(power: Tensor) -> Tensor:
    """``power`` of the bands at evenly spaced frequencies from 0 to the corner: its log straight over f^2, as a Gaussian's."""
    edges = torch.tensor(EDGES, dtype=torch.float64)
    x, logs = ((edges[1:] + edges[:-1]) / 2).square(), power.clamp(min=_TINY).log()
    f2 = torch.linspace(0, CORNER, NODES, dtype=torch.float64).square()
    place = torch.searchsorted(x, f2).clamp(1, len(x) - 1)
    share = ((f2 - x[place - 1]) / (x[place] - x[place - 1])).clamp(-1, 1)
    found = torch.lerp(logs[place - 1], logs[place], share)
    return torch.minimum(found, logs.max() + RISE).exp() * (found > math.log(10 * _TINY))


@lru_cache(maxsize=1)
def _window() -> Tensor:
    """(bands, ``NODES``): the power that blocks see in each band of a noise that has power 1 at one frequency only."""
    line, pixel = torch.fft.fftfreq(_GRID, dtype=torch.float64), torch.arange(SIDE, dtype=torch.float64)
    down, across = (f.flatten()[:, None, None] for f in torch.meshgrid(line, line, indexing="ij"))
    phase = 2 * math.pi * (down * pixel[:, None] + across * pixel)
    waves = torch.cat([phase.cos(), phase.sin()]).float()
    power = band_power(waves)[0].view(2, -1, len(EDGES) - 1)  # of cosines and sines, at each frequency of the grid
    seen = power.double().sum(0).T / _GRID**2
    place = torch.hypot(down, across).flatten() / CORNER * (NODES - 1)
    low = place.floor().long().clamp(max=NODES - 2)
    window = torch.zeros(len(seen), NODES, dtype=torch.float64)
    window.index_add_(1, low, seen * (low + 1 - place))
    return window.index_add_(1, low + 1, seen * (place - low))
