"""Lost pixels from those around them: a first guess, and what statistics may look at."""

import torch
import torch.nn.functional as F
from torch import Tensor

NEAR = 8
"""How many pixels deep lost ones are filled in pixel by pixel; what lies deeper is a blur of what is around."""


def filled(x: Tensor, lost: Tensor) -> Tensor:
    """``x`` (B, C, H, W) with its lost pixels the mean of the known ones around them, from near ones inwards.

    ``lost`` (1 or B, 1 or C, H, W): True where a pixel is lost. Where all of a channel is, ``x`` as it is.
    """
    known = (~lost | lost.all((-2, -1), keepdim=True)).to(x)
    for _ in range(NEAR):
        if known.all():
            return x
        mean, seen = _mean(x, known, size=3, stride=1, padding=1)
        x, known = torch.where(known > 0, x, mean), seen
    return _from_afar(x, known)


def _from_afar(x: Tensor, known: Tensor) -> Tensor:
    """The same from pictures of half the size, a quarter, and so on (push and pull; Gortler et al. 1996)."""
    if known.all():
        return x
    coarse = _from_afar(*_mean(x, known, size=2, stride=2))
    return torch.where(known > 0, x, F.interpolate(coarse, size=x.shape[-2:], mode="bilinear"))


def _mean(x: Tensor, known: Tensor, size: int, stride: int, padding: int = 0) -> tuple[Tensor, Tensor]:
    """The mean of the known pixels of each window, and 1 where there is one."""
    weight, mean = (F.avg_pool2d(v, size, stride, padding, ceil_mode=True) for v in (known, x * known))
    return mean / weight.clamp(min=1e-6), (weight > 0).to(x)
