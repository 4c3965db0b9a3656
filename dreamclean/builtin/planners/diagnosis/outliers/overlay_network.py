"""The small network that sees what lies over a picture: a U-Net of three sizes, with a look at the whole."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (16, 32, 64)
"""Of the picture's own size, of a half and of a quarter."""


def convolution(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    """3 x 3."""
    return nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation)


class OverlayNetwork(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1] to logits (B, 1, H, W): whether something lies over a pixel.

    ``make`` makes its convolutions: for training, with a normalisation that is folded into them afterwards.
    """

    def __init__(self, make: Callable[..., nn.Module] = convolution) -> None:
        super().__init__()
        full, half, quarter = CHANNELS
        self.first, self.fine = make(3, full), make(full, full)
        self.to_half, self.middle = make(full, half, 2), make(half, half)
        self.to_quarter, self.coarse = make(half, quarter, 2), make(quarter, quarter)
        self.wide, self.wider = make(quarter, quarter, 1, 2), make(quarter, quarter, 1, 2)
        self.whole = nn.Linear(quarter, quarter)
        self.up_half, self.middle_again = make(quarter + half, half), make(half, half)
        self.up_full, self.fine_again = make(half + full, full), make(full, full)
        self.told = nn.Conv2d(full, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = F.pad(x - 0.5, (0, -width % 4, 0, -height % 4), mode="replicate")
        fine = F.silu(self.fine(F.silu(self.first(x))))
        middle = F.silu(self.middle(F.silu(self.to_half(fine))))
        coarse = F.silu(self.coarse(F.silu(self.to_quarter(middle))))
        coarse = coarse + F.silu(self.wide(coarse))
        coarse = coarse + F.silu(self.whole(coarse.mean((2, 3))))[..., None, None]
        coarse = coarse + F.silu(self.wider(coarse))
        middle = F.silu(self.middle_again(F.silu(self.up_half(torch.cat([_twice(coarse), middle], 1)))))
        fine = F.silu(self.fine_again(F.silu(self.up_full(torch.cat([_twice(middle), fine], 1)))))
        logits: Tensor = self.told(fine)
        return logits[..., :height, :width]


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
