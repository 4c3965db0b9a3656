"""Specks of dust: small white spots of one value with sharp edges, each alone on an even ground.

Stars, lamps and highlights have the lens's skirt; letters have other letters beside them.
"""

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.outliers.components import Pixels, components
from dreamclean.builtin.planners.diagnosis.outliers.local import Finding, drawn, grown, thick

WHITE, CONTRAST, EVEN = 0.9, 0.2, 0.08
"""The least value of a speck in any channel, what it rises above its ground, and how far that may vary."""
SMALLEST, LARGEST, WIDEST = 2, 120, 26
"""Pixels of a speck, and its longest side: hairs are dust too."""
THICK, LOOSE = 5, 0.25
"""The most of half its width; and how far the ground may vary once it is known that there is dust."""
FEWEST, SKIRT, DRAWN, CROWD = 5, 0.2, 0.4, 0.03
"""How many are needed; what is left of the contrast one pixel beside them; how much may be drawn, and how much white."""


def find_specks(x: Tensor) -> Finding | None:
    """White dust in ``x`` (1, 3, H, W); None where there is none."""
    white = x.amin(1, keepdim=True)
    bright = white > WHITE
    if drawn(x) > DRAWN or not bright.any():
        return None
    bright &= ~thick(bright, THICK)  # what is thicker is no dust
    if float(bright.float().mean()) > CROWD:
        return None
    parts = components(bright)
    evident = [part for part in parts if len(part) >= SMALLEST and _is_speck(white[0, 0], part, EVEN)]
    if len(evident) < FEWEST:
        return None
    lost = torch.zeros_like(bright)
    for part in parts:
        if _is_speck(white[0, 0], part, LOOSE):
            lost[0, 0, part[:, 0], part[:, 1]] = True
    return Finding("specks", lost, 1 - 0.5 * FEWEST / len(evident))


def _is_speck(white: Tensor, pixels: Pixels, even: float) -> bool:
    """Whether ``pixels`` are alone, sharp, and on a ground that varies by no more than ``even``."""
    top, left = pixels.min(0)
    bottom, right = pixels.max(0)
    if len(pixels) > LARGEST or max(bottom - top, right - left) >= WIDEST:
        return False
    rows, columns = slice(max(0, top - 4), bottom + 5), slice(max(0, left - 4), right + 5)
    part = white[rows, columns]
    shape = torch.zeros_like(part, dtype=torch.bool)[None, None]
    shape[0, 0, pixels[:, 0] - rows.start, pixels[:, 1] - columns.start] = True
    ground = part[(grown(shape, 4) & ~grown(shape, 2))[0, 0]]
    beside = part[(grown(shape, 1) & ~shape)[0, 0]]
    value, far = float(part[shape[0, 0]].median()), float(ground.median())
    if value - far < CONTRAST or float(ground.std()) > even:
        return False
    return (float(beside.mean()) - far) / (value - far) < SKIRT
