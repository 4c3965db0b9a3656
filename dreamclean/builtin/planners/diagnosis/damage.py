"""Damage at random, by family, for a calibration. Standard deviations are of 255, pictures (1, 3, H, W) in [0, 1]."""

import math
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.operators.blur import Blur
from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.operators.kernels import gaussian_size
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit


def log_uniform(rng: Random, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def white(x: Tensor, std: float, generator: torch.Generator) -> Tensor:
    return x + std / 255 * torch.randn(x.shape, generator=generator)


def camera(x: Tensor, noise: Tensor, rng: Random) -> Tensor:
    """Shot and read noise in linear light, ``noise`` of unit variance: louder in the shadows than in the lights."""
    return sensed(x, noise, log_uniform(rng, 5e-4, 0.03))


def sensed(x: Tensor, noise: Tensor, shot: float) -> Tensor:
    """The same with a variance of ``shot`` at white, and a tenth of it everywhere."""
    linear = x**2.2
    return (linear + (shot * linear + shot * 0.1).sqrt() * noise).clamp(min=0) ** (1 / 2.2)


def blurred(x: Tensor, std: float) -> Tensor:
    return Blur(shape="gaussian", size=gaussian_size(std), std=(std,)).degrade(x)


def resized(x: Tensor, rng: Random, std: float = 0, generator: torch.Generator | None = None) -> Tensor:
    """Made smaller two to four times, with noise there, and large again."""
    side, factor = x.shape[-1], rng.choice([2, 3, 4, 4])
    options = {"mode": "area"} if rng.random() < 0.6 else {"mode": "bicubic", "antialias": True}
    small = F.interpolate(x, size=side // factor, **options)
    if generator:
        small = white(small, std, generator).clamp(0, 1)
    return F.interpolate(small, size=side, mode=rng.choice(["nearest", "bicubic"]))


def compressed(x: Tensor, rng: Random) -> Tensor:
    """JPEG once, or two or three times over shifted grids."""
    if rng.random() < 0.6:
        quality: tuple[int, ...] = (rng.randint(5, 60),)
    else:
        ranges = [(5, 25), (10, 40), (20, 60)][: rng.randint(2, 3)]
        quality = tuple(rng.randint(*ends) for ends in ranges)
    shift = tuple(rng.randint(0, 7) for _ in quality) if len(quality) > 1 else (0,)
    return JPEG(quality=quality, shift=shift, subsampling="4:2:0" if rng.random() < 0.7 else "4:4:4").degrade(x)


def correlated(x: Tensor, rng: Random, generator: torch.Generator) -> Tensor:
    """Noise that was smoothed, by a camera's demosaicking or on purpose, or compressed, or both."""
    noise, compress = torch.randn(x.shape, generator=generator), rng.random() < 0.5
    if not compress or rng.random() < 0.5:
        noise = blurred(noise, rng.uniform(0.6, 1.6))
        noise = noise / noise.std()
    y = x + log_uniform(rng, 5, 50) / 255 * noise if rng.random() < 0.5 else camera(x, noise, rng)
    return JPEG(quality=(rng.randint(55, 95),)).degrade(y.clamp(0, 1)) if compress else y


def mixed(x: Tensor, rng: Random, generator: torch.Generator) -> Tensor:
    if rng.random() < 0.7:
        return resized(x, rng, log_uniform(rng, 5, 30), generator)
    return white(blurred(x, rng.uniform(1, 2.5)), log_uniform(rng, 4, 25), generator)


def damaged(x: Tensor, family: str, rng: Random, generator: torch.Generator) -> tuple[Tensor, float]:
    """``x`` (1, 3, H, W) with damage of ``family``, in 8 bits; and the standard deviation of white noise before that."""
    std = 0.0
    if family == "clean":
        std = rng.choice([0, 0, rng.uniform(0, 1.5)])
        y = white(x, std, generator)
    elif family == "white noise" and rng.random() < 0.75:
        std = log_uniform(rng, 3.5, 85)
        y = white(x, std, generator)
    elif family == "white noise" and rng.random() < 0.5:
        rate = 255 * log_uniform(rng, 0.1, 4)
        y = torch.poisson(x * rate, generator=generator) / rate
    elif family == "white noise":
        y = camera(x, torch.randn(x.shape, generator=generator), rng)
    elif family == "correlated noise":
        y = correlated(x, rng, generator)
    elif family == "blocking":
        y = compressed(x, rng)
    elif family == "low resolution":
        y = blurred(x, rng.uniform(0.7, 3)) if rng.random() < 0.5 else resized(x, rng)
    else:
        y = mixed(x, rng, generator)
    return eight_bit(y), std / 255
