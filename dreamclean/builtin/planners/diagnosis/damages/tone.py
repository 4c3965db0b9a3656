"""Tones: faded, hazy, in few steps; and sharpened until edges have halos."""

from random import Random

import torch
from torch import Tensor

from dreamclean.builtin.operators.faded import Faded
from dreamclean.builtin.operators.haze import Haze
from dreamclean.builtin.operators.posterized import Posterized
from dreamclean.builtin.planners.diagnosis.damage import blurred
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, eight_bit, normal


def faded(x: Tensor, seed: int, loss: float = 0.4, noise: float = 3.0) -> Damaged:
    """An old print: a ``loss`` of contrast, most of it in one dye; noise of the scan, of 255."""
    rng = Random(seed)
    lost = torch.tensor([loss * rng.uniform(0.4, 1) for _ in range(3)]).view(1, 3, 1, 1).to(x)
    black, white = 0.75 * lost.flatten(), 1 - 0.25 * lost.flatten()
    operator = Faded(black=tuple(black.tolist()), white=tuple(white.tolist()), noise=noise / 255)
    return Damaged(eight_bit(operator.degrade(x) + noise / 255 * normal(x, seed)), x, str(operator))


def haze(x: Tensor, seed: int, loss: float = 0.5) -> Damaged:
    """Airlight over a scene that gets farther towards the top (Koschmieder 1924): y = t x + (1 - t) A."""
    far = torch.linspace(1, 0.3, x.shape[-2]).view(1, 1, -1, 1).to(x)
    through = 1 - loss * far
    operator = Haze.of(through.expand(1, 1, *x.shape[-2:]), airlight=(0.85,))
    return Damaged(eight_bit(operator.degrade(x)), x, str(operator))


def banding(x: Tensor, seed: int, levels: int = 12) -> Damaged:
    """Posterised: ``levels`` tones a channel."""
    operator = Posterized(levels=(levels,))
    return Damaged(eight_bit(operator.degrade(x)), x, str(operator))


def halo(x: Tensor, seed: int, amount: float = 2.0, radius: float = 1.5) -> Damaged:
    """Over-sharpened by an unsharp mask of ``radius`` pixels."""
    return Damaged(eight_bit(x + amount * (x - blurred(x, radius))), x)
