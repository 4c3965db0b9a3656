"""The spectrum of a blurred photograph: a power law times the blur's, plus noise.

Photographs have power C w^-a at the radial frequency w, with a slope a near 2 that differs from picture to picture
(Field 1987; van der Schaaf & van Hateren 1996). A blur of transfer function K and white noise make that
C w^-a |K(w)|^2 + N. The periodogram of a picture then has Whittle's likelihood -sum(I / P + log P) (1953), whose
maximum over C and N is found by the multiplicative updates for the Itakura-Saito divergence, which it is
(Fevotte, Bertin & Durrieu 2009).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

PATCH = 64
"""Side of the patches over which periodograms are averaged (Welch 1967)."""
LOWEST = 0.35
"""Radians per pixel: below it a patch shows too little of a wave."""
SLOPES = torch.arange(1.4, 3.61, 0.2)
_FEW_SLOPES = torch.tensor([1.8, 2.4, 3.0])
_LEAST = 0.02  # variance, of 255 squared, that rounding leaves at the least in the mean of three channels


class Spectrum(NamedTuple):
    """Power at some frequencies."""

    power: Tensor
    """(n,), of 255 squared for white noise of variance 1."""
    frequency: Tensor
    """(n, 2): radians per pixel, vertical and horizontal."""
    members: Tensor
    """(n,): of how many frequencies it is the mean."""


class Fit(NamedTuple):
    """The likeliest of some blurs, and how it explains a spectrum."""

    likelihood: Tensor
    """Log-likelihood of each blur (k,), up to a constant,"""
    best: int
    """the index of the likeliest,"""
    slope: float
    """the power law's a with it,"""
    variance: float
    """and the noise's variance N."""

    @property
    def noise(self) -> float:
        """Standard deviation of white noise in each channel, [0, 1] scale, from that of their mean; 0 for what rounding explains.

        Noise of a grey picture, which is one for all channels, weighs as much as white noise that is so loud.
        """
        variance = 3 * self.variance
        return math.sqrt(variance) / 255 if variance > 0.5 else 0.0


def spectrum(luma: Tensor) -> Spectrum:
    """The mean periodogram of ``luma`` (H, W), of 255, both sides at least ``PATCH``; one half, as it is symmetric."""
    window = _window()[:, None] * _window()
    window = window / window.square().mean().sqrt()
    patches = luma.unfold(0, PATCH, PATCH // 2).unfold(1, PATCH, PATCH // 2).reshape(-1, PATCH, PATCH)
    patches = patches - patches.mean((1, 2), keepdim=True)
    power = (torch.fft.fft2(patches * window).abs().square() / PATCH**2).mean(0)
    frequency = frequencies()
    line = torch.round(frequency * PATCH / (2 * math.pi)).long()
    return Spectrum(power[line[:, 0], line[:, 1]], frequency, torch.ones(len(frequency)))


def frequencies() -> Tensor:
    """The frequencies (n, 2) of a ``spectrum``: above ``LOWEST``, in a circle, one of each pair w and -w."""
    line = 2 * math.pi * torch.fft.fftfreq(PATCH)
    grid = torch.cartesian_prod(line, line)
    size = grid.norm(dim=1)
    half = (grid[:, 0] > 0) | ((grid[:, 0] == 0) & (grid[:, 1] > 0))
    return grid[half & (size > LOWEST) & (size <= math.pi)]


def radial(plane: Spectrum) -> Spectrum:
    """Means over rings, for blurs that are the same in all directions; the frequency is that along one axis."""
    size = plane.frequency.norm(dim=1)
    ring = (size * PATCH / (2 * math.pi)).round().long()
    count = torch.bincount(ring).float()
    power, mean = (torch.bincount(ring, values) / count.clamp(min=1) for values in (plane.power, size))
    full = count > 0
    return Spectrum(power[full], torch.stack([torch.zeros_like(mean), mean], 1)[full], count[full])


def fit(found: Spectrum, transfer: Tensor, slopes: Tensor = SLOPES, rounds: int = 40) -> Fit:
    """The likeliest power law and noise for each squared transfer function, rows of ``transfer`` (k, n)."""
    power, count = found.power, found.members
    law = found.frequency.norm(dim=1) ** -slopes[:, None]
    shape = law[None] * transfer[:, None].clamp(min=1e-12)
    scale = power.max() / shape.amax(-1, keepdim=True)
    noise = power.min().clamp(min=_LEAST) * torch.ones_like(scale)
    for _ in range(rounds):
        model = scale * shape + noise
        up, down = (count * power / model.square(), count / model)
        scale = scale * ((shape * up).sum(-1, keepdim=True) / (shape * down).sum(-1, keepdim=True)).sqrt()
        noise = (noise * (up.sum(-1, keepdim=True) / down.sum(-1, keepdim=True)).sqrt()).clamp(min=_LEAST)
    model = scale * shape + noise
    likelihood, law_of = (-(count * (power / model + model.log())).sum(-1)).max(1)
    best = int(likelihood.argmax())
    return Fit(likelihood, best, float(slopes[law_of[best]]), float(noise[best, law_of[best], 0]))


def quick_fit(found: Spectrum, transfer: Tensor) -> Fit:
    """``fit`` with few slopes and rounds, for many blurs."""
    return fit(found, transfer, _FEW_SLOPES, rounds=12)


def transfer(kernel: Tensor, frequency: Tensor) -> Tensor:
    """|K|^2 (n,) of a ``kernel`` (h, w) at ``frequency`` (n, 2) as a ``spectrum`` shows it: smeared by the patches' window.

    |K|^2 is the transform of the kernel's autocorrelation. The window multiplies that by its own, and so fills the zeros.
    """
    full = [2 * side - 1 for side in kernel.shape]
    power = torch.fft.rfft2(kernel.double(), s=full).abs().square()
    middle = [side - 1 for side in kernel.shape]
    seen = torch.fft.irfft2(power, s=full).roll(middle, (0, 1))  # the autocorrelation, lag 0 in the middle
    down, right = (torch.arange(1 - side, side) for side in kernel.shape)
    seen = seen * _overlap(down)[:, None] * _overlap(right)
    rows, row = torch.unique(frequency[:, 0].double(), return_inverse=True)
    columns, column = torch.unique(frequency[:, 1].double(), return_inverse=True)
    vertical, horizontal = rows[:, None] * down, columns[:, None] * right
    even, odd = (wave(vertical) @ seen @ wave(horizontal).T for wave in (torch.cos, torch.sin))
    at_each: Tensor = (even - odd)[row, column]
    return at_each.clamp(min=0).to(frequency)


def _window() -> Tensor:
    return torch.hann_window(PATCH, periodic=False)


def _overlap(lags: Tensor) -> Tensor:
    """The window's autocorrelation at whole ``lags``; 1 at lag 0."""
    window = _window().double()
    whole: Tensor = torch.fft.irfft(torch.fft.rfft(window, 2 * PATCH).abs().square(), 2 * PATCH)
    return whole[lags.abs().clamp(max=PATCH)] / whole[0]
