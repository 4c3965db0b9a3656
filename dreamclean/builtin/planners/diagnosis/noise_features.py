"""How much goes on in the quietest parts of a picture, frequency by frequency: what noise cannot hide from."""

from itertools import pairwise

import torch
from torch import Tensor

SIDE = 16
"""Side of a block in pixels. Blocks overlap by half."""
EDGES = (0.05, 0.1, 0.16, 0.22, 0.28, 0.34, 0.42, 0.5, 0.72)
"""Radial frequencies in cycles per pixel, between which a band lies."""
QUANTILES = (0.03, 0.1, 0.25, 0.5)
CLIPPED = 0.1
"""Blocks of which a larger share is black or white are left out: there noise is cut off."""
FEWEST = 12
"""Blocks that are enough; where fewer are not clipped, all are taken."""
_TINY = 1e-8


def band_power(axes: Tensor) -> Tensor:
    """Power (blocks, C, bands) of each block of ``axes`` (C, H, W); of white noise it is the variance in every band."""
    blocks = _blocks(axes)
    window = torch.hann_window(SIDE, periodic=False, device=axes.device)
    window = torch.outer(window, window)
    still = (blocks - blocks.mean((2, 3), keepdim=True)) * (window / window.square().sum().sqrt())
    f = torch.hypot(torch.fft.fftfreq(SIDE)[:, None], torch.fft.rfftfreq(SIDE)[None]).to(axes.device)
    bands = torch.stack([(f >= low) & (f < high) for low, high in pairwise(EDGES)]).float()
    return torch.einsum("ncij,kij->nck", torch.fft.rfft2(still).abs().square(), bands / bands.sum((1, 2), keepdim=True))


def quiet_power(image: Tensor, axes: Tensor) -> Tensor:
    """The features (C, 32) of ``axes`` (C, H, W) of ``image`` (3, H, W): half the log of ``QUANTILES``, band by band each."""
    off = ((image <= 0.5 / 255) | (image >= 254.5 / 255)).any(0, keepdim=True).float()
    whole = _blocks(off).mean((1, 2, 3)) <= CLIPPED
    power = band_power(axes)
    power = power[whole] if int(whole.sum()) >= FEWEST else power
    return (torch.quantile(power, torch.tensor(QUANTILES).to(power), dim=0) + _TINY).log().transpose(0, 1).flatten(
        1
    ) / 2


def _blocks(x: Tensor) -> Tensor:
    """(C, H, W) as (blocks, C, SIDE, SIDE)."""
    parts = x.unfold(1, SIDE, SIDE // 2).unfold(2, SIDE, SIDE // 2)
    return parts.permute(1, 2, 0, 3, 4).reshape(-1, x.shape[0], SIDE, SIDE)
