"""Was this whole picture blurred, how, and how much?"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from dreamclean.builtin.operators import kernels
from dreamclean.builtin.operators.blur import Blur
from dreamclean.builtin.planners.diagnosis.resolution.edges import sharpest
from dreamclean.builtin.planners.diagnosis.resolution.found import Found
from dreamclean.builtin.planners.diagnosis.resolution.spectrum import (
    LOWEST,
    PATCH,
    Fit,
    Spectrum,
    fit,
    frequencies,
    radial,
    spectrum,
    transfer,
)

LEAST = 0.8
"""Standard deviation in pixels, of the kernel along its widest axis: photographs that were not blurred stay below."""
LOUDEST = 10 / 255
"""Noise, [0, 1] scale, above which the spectrum shows no blur, but lines and letters."""
EVEN = 0.65
"""Share of the blur's width that all but the sharpest quarter of the tiles must have; what is sharp in places is no blur."""
EDGES = 0.15
"""Share of the blur's width that all but the sharpest quarter of the edges must have: fine lines count as sharp."""
LEAST_MOVED = 1.3
"""The least standard deviation of a motion: pictures with one main direction look a little as if moved along it."""
TILES = 4
"""Tiles a side that are looked at, at most."""
TELLING = 15.0
"""Power of a tile's coarse detail, in multiples of the noise, from which on it says something."""
MOTION = 0.25
"""Log-likelihood, per frequency, by which a motion must beat the round blurs."""
ENOUGH, EDGES_MOVED = 224, 0.5
"""Side in pixels from which on that is so clear that edges need not be asked; in a smaller picture stripes look moved."""
STDS = torch.arange(0.0, 4.01, 0.1)
RADII = torch.arange(0.8, 8.01, 0.2)
LENGTHS = (3.0, 5.0, 7.0, 9.0, 12.0, 15.0, 19.0)
ANGLES = tuple(range(0, 180, 15))
_FEW_SLOPES, _FEW_ROUNDS = torch.tensor([1.8, 2.4, 3.0]), 12


class _Guess(NamedTuple):
    blur: Blur
    std: float
    """Of the kernel, along its widest axis, in pixels."""
    margin: float
    """Log-likelihood over that of no blur at all, per frequency."""
    noise: float
    """Standard deviation of the white noise that came after, [0, 1] scale."""


def estimate_blur(image: Tensor) -> Found | None:
    """The blur that the whole of ``image`` (1, 3, H, W) in [0, 1] has; None if it has none, or is smaller than 64 pixels.

    Gaussian, defocus or motion, the one under which the picture's spectrum is likeliest if it is that of a
    photograph. The sharpest edges have to be as wide as a round blur makes them, or else it is left alone: skies, night,
    shallow depth of field. Enlarged pictures are soft too, so look for an enlargement first.
    """
    if min(image.shape[2:]) < PATCH:
        return None
    luma = 255 * image[0].float().cpu().mean(0)
    plane = spectrum(luma)
    guess = _motion(plane) or _round(radial(plane))
    moved = guess.blur.shape == "motion"
    if guess.std < (LEAST_MOVED if moved else LEAST) or guess.noise > LOUDEST:
        return None
    width = sharpest(luma, guess.blur.angle if moved else None)
    asked = not moved or min(image.shape[2:]) < ENOUGH
    if asked and (width is None or width < (EDGES_MOVED if moved else EDGES) * guess.std):
        return None
    if not _everywhere(luma, guess):
        return None
    evidence = {"std": guess.std, "edges": width or 0.0, "margin": guess.margin}
    sure = 1 - 0.5 * (LEAST / guess.std) ** 4
    return Found(guess.blur.model_copy(update={"noise": guess.noise}), sure, evidence)


def _everywhere(luma: Tensor, guess: _Guess) -> bool:
    """Whether the tiles that have detail are each about as blurred as the whole."""
    widths = []
    for tile in _tiles(luma):
        found = radial(spectrum(tile))
        if guess.blur.shape == "motion":
            found, values = spectrum(tile), torch.tensor(LENGTHS)
            trials, whole = torch.stack([_moved(length, guess.blur.angle) for length in LENGTHS]), guess.blur.length
        elif guess.blur.shape == "defocus":
            values, trials, whole = RADII, _discs(found), guess.blur.radius
        else:
            values, trials, whole = STDS, _gaussians(found.frequency[:, 1]), guess.std
        coarse = found.power[found.frequency.norm(dim=1) < 3 * LOWEST].mean()
        if float(coarse) > TELLING * ((255 * guess.noise) ** 2 / 3 + 0.05):
            best = int(fit(found, trials, _FEW_SLOPES, _FEW_ROUNDS).likelihood.argmax())
            widths.append(float(values[best]) / whole)
    return len(widths) > 0 and float(torch.tensor(widths).quantile(0.25)) >= EVEN


def _tiles(luma: Tensor) -> list[Tensor]:
    """Up to ``TILES`` by ``TILES`` tiles of side ``PATCH``, spread evenly."""
    starts = []
    for side in luma.shape:
        count = min(TILES, side // PATCH)
        starts.append([round(n * (side - PATCH) / max(1, count - 1)) for n in range(count)])
    return [luma[top : top + PATCH, left : left + PATCH] for top in starts[0] for left in starts[1]]


def _round(rings: Spectrum) -> _Guess:
    """The likeliest Gaussian or disc."""
    wave = rings.frequency[:, 1]
    found = fit(rings, torch.cat([_gaussians(wave), _discs(rings)]))
    best = int(found.likelihood.argmax())
    margin = float(found.likelihood[best] - found.likelihood[0]) / float(rings.members.sum())
    if best >= len(STDS):
        radius = _between(RADII, found.likelihood[len(STDS) :])
        return _Guess(Blur(shape="defocus", radius=radius), radius / 2, margin, _noise(found, best))
    std = _between(STDS, found.likelihood[: len(STDS)])
    blur = Blur(shape="gaussian", size=kernels.gaussian_size(std), std=(max(std, 0.1),))
    return _Guess(blur, std, margin, _noise(found, best))


def _motion(plane: Spectrum) -> _Guess | None:
    """The likeliest motion, if it is likelier than any Gaussian or disc."""
    wave = plane.frequency.norm(dim=1)
    rounds = fit(plane, torch.cat([_gaussians(wave)[::3], _discs(plane)[::3]]), _FEW_SLOPES, _FEW_ROUNDS)
    moves = [(length, angle) for length in LENGTHS for angle in ANGLES]
    (length, angle), found, best = _best_move(plane, moves)
    if float(found.likelihood[best] - rounds.likelihood.max()) < MOTION * len(wave):
        return None
    _, angle = _best_move(plane, [(near, angle + turn) for near in LENGTHS for turn in (-10, -5, 0, 5, 10)])[0]
    longer = [length + step for step in (-2, -1, 0, 1, 2, 3, 4) if length + step >= 2]
    (length, angle), found, best = _best_move(plane, [(near, angle + turn) for near in longer for turn in (-3, 0, 3)])
    margin = float(found.likelihood[best] - rounds.likelihood[0]) / len(wave)
    blur = Blur(shape="motion", length=length, angle=angle % 180)
    return _Guess(blur, length / math.sqrt(12), margin, _noise(found, best))


def _best_move(plane: Spectrum, moves: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], Fit, int]:
    found = fit(plane, torch.stack([_moved(*move) for move in moves]), _FEW_SLOPES, _FEW_ROUNDS)
    best = int(found.likelihood.argmax())
    return moves[best], found, best


@lru_cache(maxsize=512)
def _moved(length: float, angle: float) -> Tensor:
    """|K|^2 of a motion at the frequencies of a ``spectrum``."""
    return transfer(kernels.motion(length, angle), frequencies())


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
    """White noise in each channel, from that of their mean; 0 for what rounding explains."""
    variance = 3 * float(found.noise[best])
    return math.sqrt(variance) / 255 if variance > 0.5 else 0.0
