"""How well coefficients lie on a lattice of multiples: log-likelihood ratios, from histograms.

After JPEG each DCT coefficient is a multiple of its table's step, but for the rounding to 8 bits (Fan & de Queiroz,
Identification of bitmap compression history, 2003). A step q explains a coefficient c better than a smooth density does
by the factor q N(c - q n; 0, s^2), n the nearest whole number: the larger the step, the more a hit says.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

LARGEST = 255
"""Steps that are tried, from 1 on; tables of 8 bits hold no larger one."""
ROUNDING = 0.36
"""Standard deviation, of 255, that the rounding of colours to 8 bits leaves in a coefficient."""
NOISES = (ROUNDING, 0.7, 1.2, 2.0, 3.2)
"""Standard deviations around the lattice that are tried, of 255: rounding alone, and with noise added since."""
BIN = 0.25
_RANGE = 1056
"""The largest coefficient of pixels from -128 to 127, and a little."""
_OUTLIERS = 0.02
FINEST = 5.0
"""Steps that are smaller, in standard deviations of the noise, leave no lattice to be seen."""


def histograms(coefficients: Tensor, most: int = _RANGE, width: float = BIN) -> Tensor:
    """Counts of the absolute values of ``coefficients`` (..., N, 64) up to ``most``, for each frequency: (..., 64, bins)."""
    bins, shape = round(most / width), coefficients.shape
    places = (coefficients.abs() / width).long().clamp(max=bins)
    lines = torch.arange(math.prod(shape[:-2]) * 64, device=places.device).view(*shape[:-2], 1, 64)
    counts = torch.bincount((lines * (bins + 1) + places).flatten(), minlength=lines.numel() * (bins + 1))
    return counts.view(*shape[:-2], 64, bins + 1)[..., :bins].float()


def evidence(counts: Tensor, noise: float, largest: int = LARGEST, width: float = BIN) -> Tensor:
    """Log-likelihood ratio of each step 1 to ``largest`` for each frequency, (..., 64, steps), against no lattice.

    ``noise`` is the standard deviation around the lattice, of 255, ``width`` that of the bins. Coefficients near 0, where every lattice has a
    point, do not count.
    """
    return counts @ _gains(noise, width)[: counts.shape[-1], :largest].to(counts)


@lru_cache(maxsize=16)
def _gains(noise: float, width: float) -> Tensor:
    """What one coefficient of each bin adds, (bins, steps)."""
    value = (torch.arange(round(_RANGE / width)) + 0.5)[:, None] * width
    step = torch.arange(1, LARGEST + 1)
    off = value - step * (value / step).round()
    near = sum(torch.exp(-0.5 * ((off + k * step) / noise) ** 2) for k in (-2, -1, 0, 1, 2))
    density = torch.as_tensor(near) / (noise * math.sqrt(2 * math.pi))
    gains = torch.log((1 - _OUTLIERS) * step * density + _OUTLIERS)
    return torch.where((value > 3 * noise) & (step > FINEST * noise), gains, 0.0)
