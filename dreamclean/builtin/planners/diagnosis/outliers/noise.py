"""The noise of what is left outside a mask, estimated robustly."""

import torch
import torch.nn.functional as F
from torch import Tensor

_KERNEL = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6
"""The difference of two Laplacians, blind to edges and of the noise's own standard deviation (Immerkaer 1996)."""
BLOCK, QUANTILE = 12, 0.08
"""Side of the blocks in pixels; the noise is read where the picture is smoothest: this quantile of them."""
QUIETEST = 0.8 / 255
"""What is below is rounding."""


def noise_outside(x: Tensor, lost: Tensor) -> float:
    """Standard deviation, [0, 1] scale, of white noise in ``x`` (1, 3, H, W) where ``lost`` (1, 1, H, W) is not near; 0: none."""
    seen = F.conv2d(x, _KERNEL.to(x).expand(3, 1, 3, 3), groups=3)
    known = F.max_pool2d((lost | (x <= 0).all(1, keepdim=True) | (x >= 1).any(1, keepdim=True)).to(x), 3, 1) == 0
    count = F.avg_pool2d(known.to(x), BLOCK)
    power = F.avg_pool2d(seen.square().mean(1, keepdim=True) * known, BLOCK)
    whole = count > 0.3
    if not whole.any():
        return 0.0
    std = float(torch.quantile((power[whole] / count[whole]).sqrt(), QUANTILE))
    return std if std > QUIETEST else 0.0
