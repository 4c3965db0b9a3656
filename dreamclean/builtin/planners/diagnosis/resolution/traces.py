"""Periodic traces of an enlargement: candidates for the size that a picture once had.

Interpolated pixels vary less than those between which they lie, so the mean size of second differences along an axis
repeats with the enlargement factor (Gallagher 2005, "Detection of linear and cubic interpolation in JPEG compressed
images"; Mahdian & Saic 2008, "Blind authentication using periodic properties of interpolation"). Its spectrum peaks
at the frequency of the small picture's pixels, or at that one's mirror image for factors below 2.
"""

import math

import torch
from torch import Tensor

COMMON = (1.25, 4 / 3, 1.5, 1.6, 5 / 3, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Factors that are tried whatever the spectrum says."""
SMALLEST, LARGEST = 1.2, 8.5
PEAKS = 3


def small_sizes(luma: Tensor) -> list[tuple[int, int]]:
    """Sizes (h, w) that a picture ``luma`` (H, W) may have had before both sides were enlarged by one factor."""
    height, width = luma.shape
    sizes = {(round(height / factor), round(width / factor)) for factor in COMMON}
    for small in _peaks(luma.T, height):
        sizes |= {(small, partner) for partner in _partners(small, height, width)}
    for small in _peaks(luma, width):
        sizes |= {(partner, small) for partner in _partners(small, width, height)}
    return sorted(size for size in sizes if min(size) >= 8)


def blockiness(luma: Tensor) -> float:
    """Steps over the edges of JPEG's blocks of 8 against those in their middle; about 1 without, enlarged or not."""
    found = []
    for lines in (luma.T, luma):
        steps = lines.diff(dim=1).abs().mean(0)
        phases = steps[: len(steps) // 8 * 8].view(-1, 8).mean(0)
        found.append(float((phases[7] + 0.05) / (phases[3] + 0.05)))
    return math.sqrt(found[0] * found[1])


def _peaks(lines: Tensor, side: int) -> list[int]:
    """Small sides at the peaks of the spectrum, for the axis along which ``lines`` (N, side) go."""
    strength = lines.diff(n=2, dim=1).abs().mean(0)
    spectrum = torch.fft.rfft(strength - strength.mean(), n=side).abs()
    height = spectrum / (_medians(spectrum, 12) + 1e-9)
    height[: int(side / LARGEST)] = 0
    bins = height.topk(PEAKS).indices.tolist()
    mirrored = (side - peak for peak in bins if side - peak <= side / SMALLEST)
    return [*(peak for peak in bins if peak >= side / LARGEST), *mirrored]


def _partners(small: int, side: int, other: int) -> range:
    """What the other side may have been, if ``side`` was ``small`` and the factor was the same."""
    low, high = (other * (small + offset) / side for offset in (-0.5, 0.5))
    return range(math.floor(low + 0.5), math.ceil(high + 0.5))


def _medians(values: Tensor, reach: int) -> Tensor:
    """The median of each value's neighbours."""
    padded = torch.nn.functional.pad(values[None, None], (reach, reach), mode="reflect")[0, 0]
    return padded.unfold(0, 2 * reach + 1, 1).median(1).values
