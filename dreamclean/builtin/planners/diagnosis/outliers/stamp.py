"""A stamped date: thin letters of one warm colour in a row, in a lower or upper corner, and nowhere else."""

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.outliers.components import Pixels, components
from dreamclean.builtin.planners.diagnosis.outliers.local import Finding, drawn, grown, thick

NEAR, EDGE = 0.06, 0.35
"""How far the pixels of the letters may be from their colour, in any channel; and those at their edges."""
FEWEST, GLYPHS, THICK = 30, 4, 3
"""Pixels and letters of a date, and the most pixels of a stroke's half width."""
STRIP, ELSEWHERE, DRAWN = 0.25, 0.15, 0.4
"""Share of the picture's height in which it stands; what of its colour may stand elsewhere; how much may be drawn."""


def find_stamp(x: Tensor) -> Finding | None:
    """A date in orange, red or yellow in ``x`` (1, 3, H, W); None where there is none."""
    if drawn(x) > DRAWN:
        return None
    height = x.shape[-2]
    strip = max(16, round(STRIP * height))
    for rows in (slice(height - strip, height), slice(0, strip)):
        if (found := _stamp_in(x, rows)) is not None:
            return Finding("stamped date", found, 0.8)
    return None


def _stamp_in(x: Tensor, rows: slice) -> Tensor | None:
    red, green, blue = x[0, :, rows].unbind(0)
    warm = (red > 0.75) & (red - blue > 0.45) & (red >= green)
    warm = warm & ~thick(warm[None, None], THICK)[0, 0]  # a date may stand on a warm ground
    if int(warm.sum()) < FEWEST:
        return None
    levels = (x[0, :, rows][:, warm] * 31).round().long()
    common = int((levels[0] * 1024 + levels[1] * 32 + levels[2]).bincount().argmax())
    colour = torch.tensor([common // 1024, common // 32 % 32, common % 32]).to(x).view(1, 3, 1, 1) / 31
    alike = ((x - colour).abs() < NEAR).all(1, keepdim=True)
    inside = torch.zeros_like(alike)
    inside[..., rows, :] = alike[..., rows, :]
    letters = [part for part in components(inside & ~thick(inside, THICK)) if len(part) >= 4]
    count = sum(map(len, letters))
    if len(letters) < GLYPHS or count < FEWEST or int(alike.sum()) - int(inside.sum()) > ELSEWHERE * count:
        return None
    if not _in_a_row(letters):
        return None
    edge = grown(inside, 1) & ((x - colour).abs().amax(1, keepdim=True) < EDGE)
    return inside | edge


def _in_a_row(letters: list[Pixels]) -> bool:
    """Whether the letters stand on one line and are about as high."""
    tops = torch.tensor([float(part[:, 0].min()) for part in letters])
    bottoms = torch.tensor([float(part[:, 0].max()) for part in letters])
    high = float((bottoms - tops).median()) + 1
    on_line = ((bottoms - bottoms.median()).abs() < 0.35 * high + 1).float().mean()
    return high >= 5 and float(on_line) > 0.6
