"""The UNet of improved-diffusion (Nichol & Dhariwal 2021) and guided-diffusion (ADM, Dhariwal & Nichol 2021).

Submodules are called as in the published state dicts, so these load as they are.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamclean_adm.blocks import Double, Norm, UNet, attend, conv3, doubled, picture, tokens
from dreamclean_adm.config import Config

_norm = partial(Norm, eps=1e-5)
_halved = partial(F.avg_pool2d, kernel_size=2)


class ResidualBlock(nn.Module):
    """Two convolutions with the embedding between them; ``resample`` changes the size before the first."""

    def __init__(
        self, channels: int, out: int, config: Config, resample: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        super().__init__()
        self.scale_shift, self.resample = config.scale_shift, resample
        self.in_layers = nn.Sequential(_norm(channels), nn.SiLU(), conv3(channels, out))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(4 * config.width, out * (2 if self.scale_shift else 1)))
        self.out_layers = nn.Sequential(_norm(out), nn.SiLU(), nn.Identity(), conv3(out, out))
        self.skip_connection = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        norm, activation, convolve = self.in_layers
        h = activation(norm(x))
        if self.resample:
            h, x = self.resample(h), self.resample(x)
        h = convolve(h)
        condition = self.emb_layers(embedding).to(h.dtype)[..., None, None]
        norm, activation, _, convolve = self.out_layers
        if self.scale_shift:
            scale, shift = condition.chunk(2, dim=1)
            h = norm(h) * (1 + scale) + shift
        else:
            h = norm(h + condition)
        result: Tensor = self.skip_connection(x) + convolve(activation(h))
        return result


class Attention(nn.Module):
    """Every place attends to all. The published weights are those of convolutions over a row of places."""

    def __init__(self, channels: int, config: Config) -> None:
        super().__init__()
        self.heads, self.order = config.heads_of(channels), config.attention_order
        self.norm = _norm(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        qkv = F.linear(tokens(self.norm(x)), self.qkv.weight[..., 0], self.qkv.bias)
        if self.order == "legacy":  # of each head its q, k and v
            query, key, value = qkv.view(*qkv.shape[:2], self.heads, 3, -1).permute(3, 0, 2, 1, 4)
        else:  # of each of q, k and v its heads
            query, key, value = qkv.view(*qkv.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        h = F.linear(attend(query, key, value), self.proj_out.weight[..., 0], self.proj_out.bias)
        return x + picture(h, x)


class Halve(nn.Module):
    """Half the size, by a convolution with stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.op(x)
        return result


def _run(stage: nn.Module, x: Tensor, embedding: Tensor) -> Tensor:
    """The modules of a stage in a row, of which the residual blocks are given the embedding too."""
    for module in stage.children():
        x = module(x, embedding) if isinstance(module, ResidualBlock) else module(x)
    return x


class OpenAIUNet(UNet):
    """Noisy pictures (B, 3, H, W) in [-1, 1] and timesteps (B,) to noise (B, 3 or 6, H, W).

    Height and width are multiples of ``2 ** (levels - 1)``; of 6 channels the first three are the noise.
    """

    torso = ("input_blocks", "middle_block", "output_blocks")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.width = config.width
        deep = 4 * config.width
        self.time_embed = nn.Sequential(nn.Linear(config.width, deep), nn.SiLU(), nn.Linear(deep, deep))
        if config.classes:
            self.label_emb = nn.Embedding(config.classes, deep)
        last = config.channels[-1]
        skips: list[int] = []
        self.input_blocks = nn.ModuleList(_down(config, skips))
        self.middle_block = nn.Sequential(
            ResidualBlock(last, last, config), Attention(last, config), ResidualBlock(last, last, config)
        )
        self.output_blocks = nn.ModuleList(_up(config, skips))
        self.out = nn.Sequential(_norm(config.channels[0]), nn.SiLU(), conv3(config.channels[0], config.outputs))

    def embedding(self, t: Tensor, label: int | None) -> Tensor:
        """Timesteps (B,) and class to (B, 4 width); a class that is not given is the mean of all."""
        half = self.width // 2
        steps = torch.arange(half, dtype=torch.float32, device=t.device)
        angles = t[:, None].float() * torch.exp(-math.log(10000) * steps / half)
        embedding: Tensor = self.time_embed(torch.cat([angles.cos(), angles.sin()], dim=-1))
        if hasattr(self, "label_emb"):
            rows = self.label_emb.weight
            embedding = embedding + (rows.mean(dim=0) if label is None else rows[label])
        return embedding

    def forward(self, x: Tensor, t: Tensor, label: int | None = None) -> Tensor:
        embedding = self.embedding(t, label)
        h, skips = x.to(self.dtype), []
        for stage in self.input_blocks:
            h = _run(stage, h, embedding)
            skips.append(h)
        h = _run(self.middle_block, h, embedding)
        for stage in self.output_blocks:
            h = _run(stage, torch.cat([h, skips.pop()], dim=1), embedding)
        result: Tensor = self.out(h.float())
        return result


def _block(channels: int, level: int, config: Config) -> list[nn.Module]:
    """A residual block to the level's channels, and attention where the level has it."""
    out = config.channels[level]
    attention = [Attention(out, config)] if level in config.attention_levels else []
    return [ResidualBlock(channels, out, config), *attention]


def _down(config: Config, skips: list[int]) -> Iterator[nn.Module]:
    """The stages to the lowest resolution; ``skips`` is told the channels after each."""
    channels = config.channels[0]
    skips.append(channels)
    yield nn.Sequential(conv3(3, channels))
    for level, out in enumerate(config.channels):
        for _ in range(config.blocks):
            skips.append(out)
            yield nn.Sequential(*_block(channels, level, config))
            channels = out
        if level < len(config.channels) - 1:
            skips.append(out)
            yield nn.Sequential(ResidualBlock(out, out, config, _halved) if config.residual_resampling else Halve(out))


def _up(config: Config, skips: list[int]) -> Iterator[nn.Module]:
    """The stages back, each given what the stage of the same size made on the way down."""
    channels = config.channels[-1]
    for level, out in reversed(list(enumerate(config.channels))):
        for index in range(config.blocks + 1):
            stage = _block(channels + skips.pop(), level, config)
            channels = out
            if level and index == config.blocks:
                stage.append(ResidualBlock(out, out, config, doubled) if config.residual_resampling else Double(out))
            yield nn.Sequential(*stage)
