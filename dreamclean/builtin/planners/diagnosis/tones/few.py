"""Were the values of a picture rounded to few tones?"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dreamclean.builtin.operators.posterized import Cut, Posterized

SAMPLE = 1 << 16
MOST = 64
"""Tones of a channel: with more, steps cannot be seen."""
LEAST = 5
"""Tones that a channel must have, in one of the channels: a drawing has few colours too."""
TAKEN = 0.4
"""Share of a channel's tones that occur, at the least, in the channel where most do."""
NEXT = 0.5
"""Share of the steps from pixel to pixel that lead to the next tone, at the least, of up to 8 tones; of more as much less. In drawings
they lead anywhere."""
CUTS: tuple[Cut, ...] = ("rounded", "floored")


def estimate_tones(image: Tensor) -> Posterized | None:
    """The rounding to few evenly lying tones that ``image`` (1, 3, H, W) in [0, 1] shows; None if it shows none.

    All values of every channel must be such tones, to the last bit, and neighbours mostly of one tone or of the next. Dithered
    pictures pass too.
    """
    if _whole(some_pixels(image)) is None or (whole := _whole(image[0])) is None:
        return None
    present = [torch.bincount(channel.flatten(), minlength=256).nonzero()[:, 0] for channel in whole]
    most = max(range(3), key=lambda channel: len(present[channel]))
    if len(present[most]) < LEAST:
        return None
    for cut in CUTS:
        levels = _levels(present, cut)
        if levels and len(present[most]) >= TAKEN * levels[most] and _stepwise(whole[most], levels[most]):
            return Posterized(levels=levels if len(set(levels)) > 1 else levels[:1], cut=cut)
    return None


def some_pixels(image: Tensor) -> Tensor:
    """Some of the pixels of ``image`` (1, 3, H, W), (3, n): most pictures need no longer look."""
    return image[0].flatten(1)[:, :: max(1, image[0, 0].numel() // SAMPLE)]


def _whole(pixels: Tensor) -> Tensor | None:
    """``pixels`` (3, ...) of 255 as whole numbers of at most ``MOST`` values a channel; None where they are not."""
    values = (255 * pixels).float().cpu()
    whole = values.round().to(torch.uint8)
    if (
        float((values - whole).abs().max()) > 0.01
        or max(len(torch.bincount(c.flatten()).nonzero()) for c in whole) > MOST
    ):
        return None
    return whole


def _levels(present: list[Tensor], cut: Cut) -> tuple[int, ...]:
    """How many tones there are: as few as explain all channels, or each; empty if none do."""
    fitting = [[count for count in _counts(cut) if _among(values, count, cut)] for values in present]
    common = set(fitting[0]).intersection(*fitting[1:])
    if common:
        return (min(common),) * 3
    return tuple(counts[0] for counts in fitting) if all(fitting) else ()


def _counts(cut: Cut) -> Sequence[int]:
    return range(2, MOST + 1) if cut == "rounded" else (2, 4, 8, 16, 32, 64)


def _among(values: Tensor, count: int, cut: Cut) -> bool:
    """Whether whole ``values`` are among ``count`` tones, as they are computed, or as bits are repeated."""
    tones = torch.arange(count)
    if cut == "floored":
        return bool(torch.isin(values, tones * 256 // count).all())
    ways = [(tones * 255 / (count - 1)).round().long()]
    if count in (16, 32, 64):
        bits = count.bit_length() - 1
        ways.append((tones << (8 - bits)) | (tones >> (2 * bits - 8)))
    return any(bool(torch.isin(values, way).all()) for way in ways)


def _stepwise(channel: Tensor, count: int) -> bool:
    """Whether values (H, W) of ``count`` tones change from pixel to pixel mostly by one tone."""
    tones = (channel.float() * (count - 1) / 255).round()
    steps = torch.cat([tones.diff(dim=0).abs().flatten(), tones.diff(dim=1).abs().flatten()])
    steps = steps[steps > 0]
    return len(steps) > 0 and float((steps == 1).float().mean()) >= NEXT * min(1.0, 8 / count)
