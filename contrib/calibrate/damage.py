"""Damage at random, by family, for the calibration of the diagnosis."""

import math
import random

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean import JPEG, Blur


def log_uniform(low: float, high: float) -> float:
    return math.exp(random.uniform(math.log(low), math.log(high)))


def white(x: Tensor, std: float, generator: torch.Generator) -> Tensor:
    return x + std / 255 * torch.randn(x.shape, generator=generator)


def camera(x: Tensor, noise: Tensor) -> Tensor:
    """Shot and read noise in linear light, ``noise`` of unit variance: louder in the shadows than in the lights."""
    shot = log_uniform(5e-4, 0.03)
    linear = x**2.2
    return (linear + (shot * linear + shot * 0.1).sqrt() * noise).clamp(min=0) ** (1 / 2.2)


def blurred(x: Tensor, std: float) -> Tensor:
    return Blur(shape="gaussian", size=2 * math.ceil(3 * std) + 1, std=(std,)).degrade(x)


def resized(x: Tensor, std: float = 0, generator: torch.Generator | None = None) -> Tensor:
    """Made smaller two to four times, with noise there, and large again."""
    side, factor = x.shape[-1], random.choice([2, 3, 4, 4])
    options = {"mode": "area"} if random.random() < 0.6 else {"mode": "bicubic", "antialias": True}
    small = F.interpolate(x, size=side // factor, **options)
    if generator:
        small = white(small, std, generator).clamp(0, 1)
    return F.interpolate(small, size=side, mode=random.choice(["nearest", "bicubic"]))


def compressed(x: Tensor) -> Tensor:
    """JPEG once, or two or three times over shifted grids."""
    if random.random() < 0.6:
        quality: tuple[int, ...] = (random.randint(5, 60),)
    else:
        ranges = [(5, 25), (10, 40), (20, 60)][: random.randint(2, 3)]
        quality = tuple(random.randint(*ends) for ends in ranges)
    shift = tuple(random.randint(0, 7) for _ in quality) if len(quality) > 1 else (0,)
    return JPEG(quality=quality, shift=shift, chroma=random.random() < 0.7).degrade(x)


def correlated(x: Tensor, generator: torch.Generator) -> Tensor:
    """Noise that was smoothed, by a camera's demosaicking or on purpose, or compressed, or both."""
    noise, compress = torch.randn(x.shape, generator=generator), random.random() < 0.5
    if not compress or random.random() < 0.5:
        noise = blurred(noise, random.uniform(0.6, 1.6))
        noise = noise / noise.std()
    y = x + log_uniform(5, 50) / 255 * noise if random.random() < 0.5 else camera(x, noise)
    return JPEG(quality=(random.randint(55, 95),)).degrade(y.clamp(0, 1)) if compress else y


def mixed(x: Tensor, generator: torch.Generator) -> Tensor:
    if random.random() < 0.7:
        return resized(x, log_uniform(5, 30), generator)
    return white(blurred(x, random.uniform(1, 2.5)), log_uniform(4, 25), generator)


def damaged(x: Tensor, family: str, generator: torch.Generator) -> tuple[Tensor, float]:
    """``x`` (1, 3, H, W) with damage of ``family``, in 8 bits; and the standard deviation of white noise before that."""
    std = 0.0
    if family == "clean":
        std = random.choice([0, 0, random.uniform(0, 1.5)])
        y = white(x, std, generator)
    elif family == "white noise" and random.random() < 0.75:
        std = log_uniform(3.5, 85)
        y = white(x, std, generator)
    elif family == "white noise" and random.random() < 0.5:
        rate = 255 * log_uniform(0.1, 4)
        y = torch.poisson(x * rate, generator=generator) / rate
    elif family == "white noise":
        y = camera(x, torch.randn(x.shape, generator=generator))
    elif family == "correlated noise":
        y = correlated(x, generator)
    elif family == "blocking":
        y = compressed(x)
    elif family == "low resolution":
        y = blurred(x, random.uniform(0.7, 3)) if random.random() < 0.5 else resized(x)
    else:
        y = mixed(x, generator)
    return (y.clamp(0, 1) * 255).round() / 255, std / 255
