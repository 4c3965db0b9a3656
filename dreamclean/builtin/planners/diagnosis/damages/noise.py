"""Noise of the sensor: white, Poisson, uneven, and grey."""

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.damage import sensed
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, eight_bit, grey, noise_text, normal


def white(x: Tensor, seed: int, std: float = 25.0) -> Damaged:
    """White Gaussian noise; ``std`` of 255."""
    return Damaged(eight_bit(x + std / 255 * normal(x, seed)), x, f"identity:{noise_text(std / 255)}")


def poisson(x: Tensor, seed: int, rate: float = 1.0) -> Damaged:
    """Photon noise, y = P(255 rate x) / (255 rate): the higher the rate, the weaker."""
    counts = torch.poisson(x.clamp(min=0) * 255 * rate, generator=torch.Generator().manual_seed(seed))
    return Damaged(eight_bit(counts / (255 * rate)), x, f"identity:poisson={rate:.4g},{noise_text()}")


def camera(x: Tensor, seed: int, shot: float = 0.004) -> Damaged:
    """Shot and read noise in linear light, as a raw converter leaves it: louder in the shadows than in the lights.

    Its operator is told the root mean square, the nearest that one number can say.
    """
    shown = eight_bit(sensed(x, normal(x, seed), shot))
    return Damaged(shown, x, f"identity:{noise_text(float((shown - x).square().mean().sqrt()))}")


def grey_noise(x: Tensor, seed: int, std: float = 25.0) -> Damaged:
    """A grey picture with white noise, the same in all three channels."""
    clean = eight_bit(grey(x))
    text = f"grain:std={std / 255:.4g},blur=0,common=1,{noise_text()}"
    return Damaged(eight_bit(clean + std / 255 * normal(x, seed, channels=1)), clean, text)
