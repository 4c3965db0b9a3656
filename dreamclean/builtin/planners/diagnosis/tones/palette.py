"""Does a photograph have the few colours of a palette, as most GIFs do?"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamclean.builtin.operators.posterized import Posterized
from dreamclean.builtin.planners.diagnosis.tones.few import some_pixels

MOST, FEWEST, PIXELS = 256, 16, 16
"""Colours of a palette, those of a photograph's, and pixels for each: a small picture has few colours anyway."""
SMALLEST = 64
"""Side in pixels: icons and sprites are drawn by hand in few colours."""
APART = 3.5
"""Root mean square distance of a pixel's colour from the three nearest of the palette, of 255: of grey photographs 2.3."""
NEAR, SHARE = 3.0, (0.3, 0.5)
"""So many times that distance is near; share of the steps from pixel to pixel that are as short, at the least, and where many
neighbours are of one colour. Of print and screenshots 0.28 at most."""
EQUAL = (0.66, 0.87)
"""Share of neighbours of one colour from which on they are many, and at the most: of drawings 0.89 and more."""
WIDTH = 0.55
"""Width of the interval around a value, in such distances: PSNR grows up to 1.4 of them, and from 0.7 on LPIPS gets worse."""


def estimate_palette(image: Tensor) -> Posterized | None:
    """The rounding that a palette of few, uneven colours amounts to in ``image`` (1, 3, H, W) in [0, 1]; None where there is none."""
    if min(image.shape[2:]) < SMALLEST or len(np.unique(_codes(some_pixels(image)))) > MOST:
        return None
    codes = _codes(image[0])
    found = np.unique(codes, return_inverse=True, return_counts=True)
    palette, index, counts = (torch.from_numpy(part) for part in found)
    index = index.view(*codes.shape)
    if not FEWEST <= len(palette) <= min(MOST, codes.size // PIXELS):
        return None
    colours = torch.stack([palette // 65536, palette // 256 % 256, palette % 256], 1).float()
    between = torch.cdist(colours, colours)
    nearest = between.topk(4, largest=False).values[:, 1:].mean(1)
    apart = float(((counts / counts.sum()) * nearest.square()).sum().sqrt())
    steps = torch.cat([between[index[1:], index[:-1]].flatten(), between[index[:, 1:], index[:, :-1]].flatten()])
    equal, changes = float((steps == 0).float().mean()), steps[steps > 0]
    if apart < APART or equal > EQUAL[1]:
        return None
    if float((changes <= NEAR * apart).float().mean()) < SHARE[equal > EQUAL[0]]:
        return None
    return Posterized(levels=(max(2, min(256, round(1 + 255 / (WIDTH * apart)))),))


def _codes(pixels: Tensor) -> NDArray[np.int32]:
    """The colours of ``pixels`` (3, ...) in [0, 1] as one number each."""
    red, green, blue = (255 * pixels).round().to(torch.int32).cpu()
    codes: NDArray[np.int32] = (red * 65536 + green * 256 + blue).numpy()
    return codes
