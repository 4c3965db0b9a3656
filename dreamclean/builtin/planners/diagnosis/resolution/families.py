"""The likeliest blur of a picture's spectrum: motion, a box, a disc or a Gaussian."""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from dreamclean.builtin.operators import kernels
from dreamclean.builtin.operators.blur import Blur
from dreamclean.builtin.planners.diagnosis.resolution.motion import likeliest_length, moved
from dreamclean.builtin.planners.diagnosis.resolution.spectrum import (
    Spectrum,
    fit,
    frequencies,
    quick_fit,
    radial,
    transfer,
)

STDS = torch.arange(0.0, 4.01, 0.1)
RADII = torch.arange(0.8, 8.01, 0.2)
SIZES = (3, 5, 7, 9, 11, 13, 15)
"""Sides of boxes. The last one stands for what is none: stripes look like the largest there is."""


class Guess(NamedTuple):
    """A blur that explains a spectrum."""

    blur: Blur
    std: float
    """Of the kernel, along its widest axis, in pixels."""
    noise: float
    """Standard deviation of the white noise that came after, [0, 1] scale."""
    lead: float = 0.0
    """Of a motion, log-likelihood over that of the best other blur, per frequency."""


def likeliest(plane: Spectrum) -> Guess:
    """The likeliest blur of a ``spectrum``; a round one unless a motion or a box is clearly likelier."""
    rounds = torch.cat([_gaussians(plane.frequency.norm(dim=1)), _discs(plane)])
    still = torch.cat([rounds, _boxes()])
    found = quick_fit(plane, still)
    if motion := moved(plane, still[:-1], float(found.likelihood[:-1].max())):
        length, angle, width = motion.move
        blur = Blur(shape="motion", length=length, angle=angle % 180, width=width)
        return Guess(blur, length / math.sqrt(12), motion.noise, motion.lead)
    box = found.best - len(rounds)
    if 0 <= box < len(SIZES) - 1:
        blur = Blur(shape="uniform", size=SIZES[box])
        return Guess(blur, math.sqrt((blur.size**2 - 1) / 12), found.noise)
    return _round(radial(plane))


def width(found: Spectrum, guess: Guess) -> float:
    """How wide a blur of the family of ``guess``, and of its direction, part of the same picture has, over that of ``guess``."""
    blur = guess.blur
    if blur.shape == "motion":
        return likeliest_length(found, blur.angle, blur.width) / blur.length
    if blur.shape == "uniform":
        return SIZES[quick_fit(found, _boxes()).best] / blur.size
    rings = radial(found)
    if blur.shape == "defocus":
        return float(RADII[quick_fit(rings, _discs(rings)).best]) / blur.radius
    return float(STDS[quick_fit(rings, _gaussians(rings.frequency[:, 1])).best]) / guess.std


def _round(rings: Spectrum) -> Guess:
    """The likeliest Gaussian or disc."""
    found = fit(rings, torch.cat([_gaussians(rings.frequency[:, 1]), _discs(rings)]))
    noise = found.noise
    if found.best >= len(STDS):
        radius = _between(RADII, found.likelihood[len(STDS) :])
        return Guess(Blur(shape="defocus", radius=radius), radius / 2, noise)
    std = _between(STDS, found.likelihood[: len(STDS)])
    return Guess(Blur(shape="gaussian", size=kernels.gaussian_size(std), std=(max(std, 0.1),)), std, noise)


@lru_cache(maxsize=1)
def _boxes() -> Tensor:
    return torch.stack([transfer(kernels.uniform(size), frequencies()) for size in SIZES])


def _gaussians(wave: Tensor) -> Tensor:
    return (-(STDS[:, None] * wave).square()).exp()


def _discs(found: Spectrum) -> Tensor:
    return torch.stack([transfer(kernels.disc(float(radius)), found.frequency) for radius in RADII])


def _between(values: Tensor, likelihood: Tensor) -> float:
    """The maximum of a parabola through the likelihoods of the best value and its neighbours."""
    best = int(likelihood.argmax())
    if not 0 < best < len(values) - 1:
        return round(float(values[best]), 2)
    left, middle, right = likelihood[best - 1 : best + 2].tolist()
    bend = left - 2 * middle + right
    offset = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return round(float(values[best] + offset * (values[1] - values[0])), 2)
