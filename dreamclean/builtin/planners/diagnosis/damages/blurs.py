"""Blur: of the lens, of the focus, of the hand."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.operators.blur import Blur
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, eight_bit, noise_text, normal


def gaussian(x: Tensor, seed: int, std: float = 1.5, noise: float = 2.0) -> Damaged:
    """A Gaussian of ``std`` pixels, then white noise of ``noise`` of 255."""
    size = 2 * math.ceil(3 * std) + 1
    y = Blur(shape="gaussian", size=size, std=(std,)).degrade(x) + noise / 255 * normal(x, seed)
    text = f"blur:shape=gaussian,size={size},std={std:.4g},{noise_text(noise / 255)}"
    return Damaged(eight_bit(y), x, text)


def disc(radius: float) -> Tensor:
    """A disc of ``radius`` pixels with soft edges, of sum 1, odd sides."""
    reach = math.ceil(radius)
    offset = torch.arange(-reach, reach + 1, dtype=torch.float64)
    kernel = (radius + 0.5 - (offset[:, None] ** 2 + offset[None] ** 2).sqrt()).clamp(0, 1)
    return kernel / kernel.sum()


def defocus(x: Tensor, seed: int, radius: float = 2.5, noise: float = 2.0) -> Damaged:
    """Out of focus: a disc of ``radius`` pixels, then white noise of ``noise`` of 255."""
    kernel = disc(radius).to(x)
    reach = kernel.shape[0] // 2
    padded = F.pad(x, (reach,) * 4, mode="reflect")
    y = F.conv2d(padded, kernel.expand(3, 1, *kernel.shape), groups=3)
    text = f"blur:shape=defocus,radius={radius:.4g},{noise_text(noise / 255)}"
    return Damaged(eight_bit(y + noise / 255 * normal(x, seed)), x, text)


def motion(x: Tensor, seed: int, length: float = 9.0, noise: float = 2.0) -> Damaged:
    """A straight line of ``length`` pixels at an angle that the seed chooses, then white noise of ``noise`` of 255."""
    angle = seed * 37 % 180
    y = Blur(shape="motion", length=length, angle=angle).degrade(x) + noise / 255 * normal(x, seed)
    return Damaged(eight_bit(y), x, f"blur:shape=motion,length={length:.4g},angle={angle},{noise_text(noise / 255)}")
