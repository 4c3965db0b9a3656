"""Periodic traces of an enlargement: candidates for the number of pixels that a line of a picture once had.

Interpolated pixels vary less than those between which they lie, so the mean size of second differences along an axis
repeats with the enlargement factor (Gallagher 2005, "Detection of linear and cubic interpolation in JPEG compressed
images"; Mahdian & Saic 2008, "Blind authentication using periodic properties of interpolation"). Its spectrum peaks
at the frequency of the small picture's pixels, or at that one's mirror image for factors below 2.
"""

import torch
from torch import Tensor

COMMON = (1.25, 4 / 3, 1.5, 1.6, 5 / 3, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Factors that are tried whatever the spectrum says."""
SMALLEST, LARGEST = 1.2, 8.5
PEAKS = 6


def small_sides(lines: Tensor, side: int) -> list[int]:
    """Sides that a picture of ``side`` pixels may have had along the axis of ``lines`` (N, side), at most 25 of them."""
    strength = lines.diff(n=2, dim=1).abs().mean(0)
    spectrum = torch.fft.rfft(strength - strength.mean()).abs()
    ground = spectrum.unfold(0, 1, 1)[:, 0] if len(spectrum) < 33 else _medians(spectrum, 16)
    height = spectrum / (ground + 1e-9)
    height[: max(1, int(side / LARGEST))] = 0
    bins = height.topk(min(PEAKS, len(height))).indices.tolist()
    scale = side / len(strength)  # two second differences fewer than pixels
    peaks = [round(b * scale) for b in bins]
    candidates = [*(round(side / factor) for factor in COMMON), *peaks, *(side - peak for peak in peaks)]
    return sorted({small for small in candidates if side / LARGEST <= small <= side / SMALLEST})


def _medians(values: Tensor, reach: int) -> Tensor:
    """The median of each value's neighbours."""
    padded = torch.nn.functional.pad(values[None, None], (reach, reach), mode="reflect")[0, 0]
    return padded.unfold(0, 2 * reach + 1, 1).median(1).values
