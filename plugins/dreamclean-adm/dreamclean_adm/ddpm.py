"""The UNet of DDPM (Ho et al. 2020), in the names of its PyTorch port (pesser/pytorch_diffusion), as SDEdit has them.

Submodules are called as in the published state dicts, so these load as they are.
"""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamclean_adm.blocks import Double, Norm, UNet, attend, conv3, picture, tokens
from dreamclean_adm.config import Config

_norm = partial(Norm, eps=1e-6)


class ResnetBlock(nn.Module):
    """Two convolutions, between which the embedding is added."""

    def __init__(self, channels: int, out: int, deep: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _norm(channels), conv3(channels, out)
        self.temb_proj = nn.Linear(deep, out)
        self.norm2, self.conv2 = _norm(out), conv3(out, out)
        if channels != out:
            self.nin_shortcut = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.temb_proj(F.silu(embedding)).to(h.dtype)[..., None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        result: Tensor = (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + h
        return result


class Attention(nn.Module):
    """Every place attends to all, with one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        query, key, value = (tokens(convolve(h))[:, None] for convolve in (self.q, self.k, self.v))
        result: Tensor = x + self.proj_out(picture(attend(query, key, value), x))
        return result


class Halve(nn.Module):
    """Half the size: a convolution with stride 2 that looks one pixel beyond the bottom and right edges only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return result


class Middle(nn.Module):
    """The lowest resolution: two blocks with attention between them."""

    def __init__(self, channels: int, deep: int) -> None:
        super().__init__()
        self.block_1, self.block_2 = ResnetBlock(channels, channels, deep), ResnetBlock(channels, channels, deep)
        self.attn_1 = Attention(channels)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        result: Tensor = self.block_2(self.attn_1(self.block_1(x, embedding)), embedding)
        return result


class Level(nn.Module):
    """The blocks of one resolution, with an attention after each or none."""

    def __init__(self, ins: list[int], out: int, deep: int, attention: bool) -> None:
        super().__init__()
        self.block = nn.ModuleList(ResnetBlock(channels, out, deep) for channels in ins)
        self.attn = nn.ModuleList(Attention(out) for _ in ins if attention)

    def steps(self) -> list[tuple[nn.Module, nn.Module]]:
        """Each block with what follows it."""
        return list(zip(self.block, self.attn or [nn.Identity()] * len(self.block), strict=True))


class Down(Level):
    """A level on the way down; all but the last end with half the size."""

    def __init__(self, ins: list[int], out: int, deep: int, attention: bool, last: bool) -> None:
        super().__init__(ins, out, deep, attention)
        if not last:
            self.downsample = Halve(out)

    def forward(self, x: Tensor, skips: list[Tensor], embedding: Tensor) -> Tensor:
        """What comes out of each step is put on ``skips``."""
        for block, attention in self.steps():
            x = attention(block(x, embedding))
            skips.append(x)
        if hasattr(self, "downsample"):
            x = self.downsample(x)
            skips.append(x)
        return x


class Up(Level):
    """A level on the way up; all but the picture's own end with twice the size."""

    def __init__(self, ins: list[int], out: int, deep: int, attention: bool, last: bool) -> None:
        super().__init__(ins, out, deep, attention)
        if not last:
            self.upsample = Double(out)

    def forward(self, x: Tensor, skips: list[Tensor], embedding: Tensor) -> Tensor:
        """Each block is given what it takes off ``skips`` too."""
        for block, attention in self.steps():
            x = attention(block(torch.cat([x, skips.pop()], dim=1), embedding))
        result: Tensor = self.upsample(x) if hasattr(self, "upsample") else x
        return result


class DDPMUNet(UNet):
    """Noisy pictures (B, 3, H, W) in [-1, 1] and timesteps (B,) to noise (B, 3, H, W).

    Height and width are multiples of ``2 ** (levels - 1)``.
    """

    torso = ("conv_in", "down", "mid", "up")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.width, deep = config.width, 4 * config.width
        first, last = config.channels[0], config.channels[-1]
        self.temb = nn.Module()
        self.temb.dense = nn.ModuleList([nn.Linear(config.width, deep), nn.Linear(deep, deep)])
        self.conv_in = conv3(3, config.width)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before = (config.width, *config.channels)  # channels that a level is handed on the way down
        below = (*config.channels[1:], last)  # and on the way up
        for level, out in enumerate(config.channels):
            attention, same = level in config.attention_levels, [out] * config.blocks
            downward = [before[level], *same[1:]]
            upward = [h + skip for h, skip in zip([below[level], *same], [*same, before[level]], strict=True)]
            self.down.append(Down(downward, out, deep, attention, last=level == len(config.channels) - 1))
            self.up.append(Up(upward, out, deep, attention, last=level == 0))
        self.mid = Middle(last, deep)
        self.norm_out, self.conv_out = _norm(first), conv3(first, config.outputs)

    def embedding(self, t: Tensor) -> Tensor:
        """Timesteps (B,) to (B, 4 width)."""
        half = self.width // 2
        steps = torch.arange(half, dtype=torch.float32, device=t.device)
        angles = t[:, None].float() * torch.exp(steps * (-math.log(10000) / (half - 1)))
        inner, outer = self.temb.get_submodule("dense").children()
        result: Tensor = outer(F.silu(inner(torch.cat([angles.sin(), angles.cos()], dim=-1))))
        return result

    def forward(self, x: Tensor, t: Tensor, label: int | None = None) -> Tensor:
        """``label`` is None: these models have no classes."""
        embedding = self.embedding(t)
        h = self.conv_in(x.to(self.dtype))
        skips = [h]
        for level in self.down:
            h = level(h, skips, embedding)
        h = self.mid(h, embedding)
        for level in reversed(self.up):
            h = level(h, skips, embedding)
        result: Tensor = self.conv_out(F.silu(self.norm_out(h.float())))
        return result
