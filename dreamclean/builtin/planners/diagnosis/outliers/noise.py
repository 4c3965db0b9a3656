"""The noise of what is left outside a mask, estimated robustly."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_LAPLACIANS = (torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6,)
"""The difference of two Laplacians, blind to edges and of the noise's own standard deviation (Immerkaer 1996)."""
_LINES = tuple(
    torch.zeros(3, 3).index_put_((torch.tensor(rows), torch.tensor(columns)), torch.tensor([1.0, -2, 1])) / 6**0.5
    for rows, columns in (
        ((1, 1, 1), (0, 1, 2)),
        ((0, 1, 2), (1, 1, 1)),
        ((0, 1, 2), (0, 1, 2)),
        ((0, 1, 2), (2, 1, 0)),
    )
)
"""Second differences of three pixels in a row, four ways, which sparse pixels still have; of the noise's own size too."""
BLOCK, QUANTILE = 12, 0.08
"""Side of the blocks in pixels; the noise is read where the picture is smoothest: this quantile of them."""
WHOLE, FEWEST = 0.3, 24
"""The least share of a block that is seen by the Laplacians, and the number of places where its lines are."""
QUIETEST = 0.8 / 255
"""What is below is rounding."""


def noise_outside(x: Tensor, lost: Tensor) -> float:
    """Standard deviation, [0, 1] scale, of white noise in ``x`` (1, 3, H, W) where ``lost`` (1, 1, H, W) is not near; 0: none."""
    known = (~(lost | (x <= 0).all(1, keepdim=True) | (x >= 1).any(1, keepdim=True))).to(x)
    std = _estimate(x, known, _LAPLACIANS, BLOCK, WHOLE)
    if std is None:
        share = float(known.mean())
        block = math.ceil(max(BLOCK, (FEWEST / len(_LINES) / max(share, 0.05) ** 3) ** 0.5))
        std = _estimate(x, known, _LINES, min(block, min(x.shape[-2:]) - 2), FEWEST / 2 / block**2)
    return std if std is not None and std > QUIETEST else 0.0


def _estimate(x: Tensor, known: Tensor, kernels: tuple[Tensor, ...], block: int, least: float) -> float | None:
    """The noise where ``kernels`` see ``known`` (1, 1, H, W) pixels alone, in blocks with ``least`` of that a pixel."""
    power, count = torch.zeros(()).to(x), torch.zeros(()).to(x)
    for kernel in kernels:
        k = kernel.to(x)
        whole = (F.conv2d(known, (k != 0).to(x)[None, None]) > (k != 0).sum() - 0.5).to(x)
        seen = F.conv2d(x, k.expand(3, 1, 3, 3), groups=3).square().mean(1, keepdim=True)
        power, count = power + F.avg_pool2d(seen * whole, block), count + F.avg_pool2d(whole, block)
    enough = count > least
    if not enough.any():
        return None
    return float(torch.quantile((power[enough] / count[enough]).sqrt(), QUANTILE))
