"""Photographs that want no restoration: as they are, in grey, sharpened, at night, or denoised before."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.operators import dct
from dreamclean.builtin.planners.diagnosis.damage import blurred
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, eight_bit, grey, normal


def unharmed(x: Tensor) -> Damaged:
    """What is shown is the picture itself."""
    shown = eight_bit(x)
    return Damaged(shown, shown, "identity:noise=0")


def photograph(x: Tensor, seed: int) -> Damaged:
    """As it is."""
    return unharmed(x)


def black_and_white(x: Tensor, seed: int) -> Damaged:
    """In grey."""
    return unharmed(grey(x))


def sharpened(x: Tensor, seed: int, amount: float = 0.6) -> Damaged:
    """By an unsharp mask of one pixel, as cameras do."""
    return unharmed(x + amount * (x - blurred(x, 1.0)))


def night(x: Tensor, seed: int, light: float = 0.12) -> Damaged:
    """With ``light`` as much light, in linear light."""
    return unharmed((light * x**2.2) ** (1 / 2.2))


def denoised(x: Tensor, seed: int, std: float = 12.0) -> Damaged:
    """Noise of ``std`` (of 255), taken out by thresholds in the DCT of blocks at four grids: little texture is left.

    What to do is nothing: what is lost is no noise.
    """
    noisy = x + std / 255 * normal(x, seed)
    height, width = x.shape[-2:]
    found = []
    for shift in (0, 2, 4, 6):
        padded = F.pad(noisy, (shift, (-width - shift) % 8, shift, (-height - shift) % 8), mode="replicate")
        blocks = dct.to_blocks(padded)
        kept = dct.from_blocks(torch.where(blocks.abs() > 2.7 * std / 255, blocks, 0.0))
        found.append(kept[..., shift : shift + height, shift : shift + width])
    return unharmed(torch.stack(found).mean(0))
