"""What the networks of all the families are made of."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamclean_adm.config import GROUPS


class Norm(nn.GroupNorm):
    """Group normalization, computed in float32 whatever comes in; the result has the input's precision."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__(GROUPS, channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).to(x.dtype)


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(channels)) v; all (B, heads, places, channels), the result (B, places, all channels)."""
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


def tokens(x: Tensor) -> Tensor:
    """(B, C, H, W) as (B, places, C)."""
    return x.flatten(2).transpose(1, 2)


def picture(x: Tensor, like: Tensor) -> Tensor:
    """(B, places, C) as (B, C, H, W), the size of ``like``."""
    return x.transpose(1, 2).reshape(like.shape)


def conv3(channels: int, out: int) -> nn.Conv2d:
    """A 3 x 3 convolution that keeps the size."""
    return nn.Conv2d(channels, out, 3, padding=1)


def doubled(x: Tensor) -> Tensor:
    """Twice the size, each pixel a block of four."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Double(nn.Module):
    """Twice the size, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(doubled(x))
        return result


class UNet(nn.Module):
    """A network of which the torso may compute in another precision: its convolutions do, as in the originals' fp16."""

    torso: ClassVar[tuple[str, ...]]
    """The submodules between the first convolution and the last norm."""
    dtype: torch.dtype = torch.float32

    def cast(self, dtype: torch.dtype) -> None:
        """Put the torso's convolutions in ``dtype``; norms and embeddings stay in float32."""
        self.dtype = dtype
        for name in self.torso:
            for module in self.get_submodule(name).modules():
                if isinstance(module, nn.Conv1d | nn.Conv2d):
                    module.to(dtype)
