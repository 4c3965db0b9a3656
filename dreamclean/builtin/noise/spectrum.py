"""Spectra: the covariance of a noise's channels at each radial frequency, as tables (N, 3, 3) from 0 to the corner."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

CORNER = math.sqrt(0.5)
"""The highest radial frequency of a picture, in cycles per pixel: that of a chessboard."""
NODES = 512
"""Frequencies in a table, evenly spaced, both ends included."""
_UPPER = (0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)


def gaussian(std: float, blur: float, channels: Tensor) -> Tensor:
    """The table (NODES, 3, 3) of white noise blurred by a Gaussian of ``blur`` pixels, ``std`` wide at each pixel.

    ``channels`` (3, 3): their correlation. The blur is squared in a spectrum: S = c exp(-(2 pi blur f)^2).
    """
    f = torch.linspace(0, CORNER, NODES, dtype=torch.float64)
    along = torch.exp(-((2 * math.pi * blur * torch.fft.fftfreq(NODES, dtype=torch.float64)) ** 2))
    power = std**2 / along.mean() ** 2 * torch.exp(-((2 * math.pi * blur * f) ** 2))
    return power[:, None, None] * channels.to(power)


def correlated(common: float) -> Tensor:
    """Correlation (3, 3) of three channels, ``common`` between any two."""
    return torch.full((3, 3), common, dtype=torch.float64).fill_diagonal_(1)


def from_bands(bands: Sequence[float]) -> Tensor:
    """The table of ``bands``, rr/rg/rb/gg/gb/bb at evenly spaced radial frequencies, straight between them."""
    rows = torch.tensor(bands, dtype=torch.float64).view(-1, 6)
    place = torch.linspace(0, len(rows) - 1, NODES, dtype=torch.float64)
    low = place.floor().long().clamp(max=max(len(rows) - 2, 0))
    rows = torch.lerp(rows[low], rows[(low + 1).clamp(max=len(rows) - 1)], (place - low)[:, None])
    table = torch.empty(NODES, 3, 3, dtype=torch.float64)
    for number, (i, j) in enumerate(_UPPER):
        table[:, i, j] = table[:, j, i] = rows[:, number]
    return table


def to_bands(table: Tensor, count: int = 17) -> tuple[float, ...]:
    """A ``table`` (N, 3, 3) as ``bands`` at ``count`` frequencies."""
    places = torch.linspace(0, len(table) - 1, count).round().long()
    return tuple(float(f"{float(table[k, i, j]):.4g}") for k in places for i, j in _UPPER)


def at_a_pixel(table: Tensor) -> float:
    """The variance of one value of a picture whose noise has ``table`` (N, 3, 3), the mean over the channels."""
    line = torch.fft.fftfreq(256)
    nearest = (torch.hypot(line[:, None], line) / CORNER * (len(table) - 1)).round().long().flatten()
    area = torch.bincount(nearest, minlength=len(table)).to(table) / nearest.numel()  # the share of all frequencies
    return float((area * table.diagonal(dim1=1, dim2=2).sum(1)).sum()) / 3
