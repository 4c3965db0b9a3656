"""The likeliest blur of a picture's spectrum: motion, a box, a disc or a Gaussian."""

import math
from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from dreamclean.builtin.operators import kernels
from dreamclean.builtin.operators.blur import Blur
from dreamclean.builtin.planners.diagnosis.resolution.spectrum import Fit, Spectrum, fit, frequencies, radial, transfer

LOUD = 10 / 255
"""Noise, [0, 1] scale, above which it hides most of the frequencies, and those of lines and letters look blurred."""
LEAD, LEAD_IN_NOISE = 0.05, 0.02
"""Log-likelihood, per frequency, by which a motion must beat the round blurs, and one that is ``LONG`` in loud noise."""
LONG = 7.0
"""Pixels. In loud noise shorter motions look like Gaussians, and Gaussians like them."""
STDS = torch.arange(0.0, 4.01, 0.1)
RADII = torch.arange(0.8, 8.01, 0.2)
LONGER = 4
"""Pixels by which a motion may be longer than the likeliest of ``LENGTHS``."""
LENGTHS = (3.0, 5.0, 7.0, 9.0, 12.0, 15.0, 19.0)
ANGLES = tuple(range(0, 180, 15))
WIDTHS = (0.0, 1.0)
"""Standard deviation in pixels of motions across their line: what moved was thin, or soft as well."""
SIZES = (3, 5, 7, 9, 11, 13, 15)
"""Sides of boxes. The last one, and the longest motion, stand for what is none: stripes look like the largest there is."""
_FEW_SLOPES, _FEW_ROUNDS = torch.tensor([1.8, 2.4, 3.0]), 12


class Move(NamedTuple):
    """A motion's settings."""

    length: float
    angle: float
    width: float


class Guess(NamedTuple):
    """A blur that explains a spectrum."""

    blur: Blur
    std: float
    """Of the kernel, along its widest axis, in pixels."""
    margin: float
    """Log-likelihood over that of no blur at all, per frequency."""
    noise: float
    """Standard deviation of the white noise that came after, [0, 1] scale."""
    lead: float = 0.0
    """Log-likelihood over that of the best Gaussian or disc, per frequency."""


def likeliest(plane: Spectrum) -> Guess:
    """The likeliest blur of a ``spectrum``; a round one unless a motion or a box is clearly likelier."""
    wave = plane.frequency.norm(dim=1)
    rounds = _fit(plane, torch.cat([_gaussians(wave), _discs(plane)]))
    clearer = [guess for guess in (_motion(plane, rounds), _box(plane, rounds)) if guess]
    return max(clearer, key=lambda guess: guess.margin) if clearer else _round(radial(plane))


def width(found: Spectrum, guess: Guess) -> float:
    """How wide a blur of the family of ``guess``, and of its direction, part of the same picture has, over that of ``guess``."""
    blur = guess.blur
    if blur.shape == "motion":
        return _best_move(found, product(LENGTHS, [blur.angle], [blur.width]))[0].length / blur.length
    if blur.shape == "uniform":
        return SIZES[_likeliest(_fit(found, _boxes()))] / blur.size
    rings = radial(found)
    if blur.shape == "defocus":
        return float(RADII[_likeliest(_fit(rings, _discs(rings)))]) / blur.radius
    return float(STDS[_likeliest(_fit(rings, _gaussians(rings.frequency[:, 1])))]) / guess.std


def _motion(plane: Spectrum, rounds: Fit) -> Guess | None:
    """The likeliest motion, if it is likelier than any Gaussian or disc."""
    move, found, best = _best_move(plane, product(LENGTHS, ANGLES, WIDTHS))
    if _lead(found, best, rounds, plane) < _least(move, _noise(found, best)):
        return None
    move = _best_move(plane, product(LENGTHS, _around(move.angle, 5, 10), _around(move.width, 0.5)))[0]
    lengths = [move.length + step for step in (-2, -1, 0, 1, 2, 3, LONGER) if move.length + step >= 2]
    move, found, best = _best_move(plane, product(lengths, _around(move.angle, 3), _around(move.width, 0.25)))
    lead, noise = _lead(found, best, rounds, plane), _noise(found, best)
    if lead < _least(move, noise) or move.length == LENGTHS[-1] + LONGER:
        return None
    blur = Blur(shape="motion", length=move.length, angle=move.angle % 180, width=move.width)
    return Guess(blur, move.length / math.sqrt(12), _margin(found, best, rounds, plane), noise, lead)


def _least(move: Move, noise: float) -> float:
    """The lead that a motion needs."""
    return LEAD_IN_NOISE if noise > LOUD and move.length >= LONG else LEAD


def _lead(found: Fit, best: int, rounds: Fit, plane: Spectrum) -> float:
    return float(found.likelihood[best] - rounds.likelihood.max()) / len(plane.power)


def _around(value: float, *steps: float) -> list[float]:
    return sorted({value, *(value - step for step in steps), *(value + step for step in steps)})


def _best_move(plane: Spectrum, settings: Iterable[tuple[float, float, float]]) -> tuple[Move, Fit, int]:
    tried = [move for move in map(Move._make, settings) if move.width >= 0]
    found = _fit(plane, torch.stack([_moved(move) for move in tried]))
    best = _likeliest(found)
    return tried[best], found, best


def _box(plane: Spectrum, rounds: Fit) -> Guess | None:
    """The likeliest box, if it is likelier than any Gaussian or disc."""
    found = _fit(plane, _boxes())
    best = _likeliest(found)
    if best == len(SIZES) - 1 or found.likelihood[best] <= rounds.likelihood.max():
        return None
    size = SIZES[best]
    std = math.sqrt((size**2 - 1) / 12)
    return Guess(Blur(shape="uniform", size=size), std, _margin(found, best, rounds, plane), _noise(found, best))


def _round(rings: Spectrum) -> Guess:
    """The likeliest Gaussian or disc."""
    found = fit(rings, torch.cat([_gaussians(rings.frequency[:, 1]), _discs(rings)]))
    best = _likeliest(found)
    margin = float(found.likelihood[best] - found.likelihood[0]) / float(rings.members.sum())
    if best >= len(STDS):
        radius = _between(RADII, found.likelihood[len(STDS) :])
        return Guess(Blur(shape="defocus", radius=radius), radius / 2, margin, _noise(found, best))
    std = _between(STDS, found.likelihood[: len(STDS)])
    blur = Blur(shape="gaussian", size=kernels.gaussian_size(std), std=(max(std, 0.1),))
    return Guess(blur, std, margin, _noise(found, best))


def _fit(found: Spectrum, trials: Tensor) -> Fit:
    return fit(found, trials, _FEW_SLOPES, _FEW_ROUNDS)


def _likeliest(found: Fit) -> int:
    return int(found.likelihood.argmax())


def _margin(found: Fit, best: int, rounds: Fit, plane: Spectrum) -> float:
    return float(found.likelihood[best] - rounds.likelihood[0]) / len(plane.power)


@lru_cache(maxsize=2048)
def _moved(move: Move) -> Tensor:
    """|K|^2 of a motion at the frequencies of a ``spectrum``."""
    return transfer(kernels.motion(*move), frequencies())


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


def _noise(found: Fit, best: int) -> float:
    """White noise in each channel, from that of their mean; 0 for what rounding explains.

    Noise of a grey picture, which is one for all channels, weighs as much as white noise that is so loud.
    """
    variance = 3 * float(found.noise[best])
    return math.sqrt(variance) / 255 if variance > 0.5 else 0.0
