"""The likeliest motion of a picture's spectrum, which has to explain more than the lines of the scene do."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from dreamclean.builtin.operators import kernels
from dreamclean.builtin.planners.diagnosis.resolution.spectrum import Spectrum, frequencies, quick_fit, transfer

LOUD = 10 / 255
"""Noise, [0, 1] scale, above which it hides most of the frequencies, and those of lines and letters look blurred."""
LEAD, LEAD_IN_NOISE = 0.035, 0.005
"""Log-likelihood, per frequency, by which a motion must beat other blurs, and one that is ``LONG`` in loud noise."""
SHORTEST = (4.5, 7.0)
"""Pixels, and in loud noise: pictures with one main direction look a little as if moved along it."""
LONG = 8.0
"""Pixels. In loud noise shorter motions look like Gaussians, and Gaussians like them."""
LENGTHS = (3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 19.0)
LONGER = 4
"""Pixels by which a motion may be longer than the likeliest of ``LENGTHS``."""
ANGLES = tuple(range(0, 180, 15))
WIDTHS = (0.0, 1.0)
"""Standard deviation in pixels across the line: what moved was sharp, or soft as well."""
THIN = 0.75
"""Widths below are none: photographs are a little soft in themselves, and too soft a line is worse than a thin one."""
LINES = (0.0, 2.0, 8.0, 32.0)
"""Power, over that of everything else, of a scene's lines in the direction of the motion, as of houses and grass. Their
spectrum is narrow across that direction like a motion's, but for that of one much longer than any here."""


class Move(NamedTuple):
    """A motion's settings."""

    length: float
    angle: float
    width: float


class Moved(NamedTuple):
    """The likeliest motion."""

    move: Move
    noise: float
    """Standard deviation of the white noise that came after, [0, 1] scale."""
    lead: float
    """Log-likelihood over that of the best other blur, per frequency."""


def moved(plane: Spectrum, still: Tensor, likelihood_of_still: float) -> Moved | None:
    """The likeliest motion of a ``spectrum``; None if it is hardly likelier than the best of ``still``, |K|^2 of other blurs (k, n)."""
    move, likelihood, noise = _best(plane, product(LENGTHS, ANGLES, WIDTHS))
    if (likelihood - likelihood_of_still) / len(plane.power) < (LEAD_IN_NOISE if noise > LOUD else LEAD):
        return None
    lines = 1 + torch.tensor(LINES)[:, None] * _power(Move(2 * LENGTHS[-1], move.angle, 0.0))
    move, _, _ = _best(plane, product(LENGTHS, _around(move.angle, 5, 10), _around(move.width, 0.5)), lines)
    lengths = [move.length + step for step in (-2, -1, 0, 1, 2, 3, LONGER) if move.length + step >= 2]
    move, likelihood, noise = _best(plane, product(lengths, _around(move.angle, 3), _around(move.width, 0.25)), lines)
    if move.width < THIN:
        move = move._replace(width=0.0)
    beside = float(quick_fit(plane, _beside(still, lines)).likelihood.max())
    lead = (likelihood - beside) / len(plane.power)
    enough = lead >= (LEAD_IN_NOISE if noise > LOUD and move.length >= LONG else LEAD)
    within = SHORTEST[noise > LOUD] <= move.length < LENGTHS[-1] + LONGER
    return Moved(move, noise, lead) if enough and within else None


def likeliest_length(plane: Spectrum, angle: float, width: float) -> float:
    """The likeliest of ``LENGTHS`` in the direction of ``angle``, of that ``width`` or one of ``WIDTHS``."""
    return _best(plane, product(LENGTHS, [angle], sorted({width, *WIDTHS})))[0].length


def _best(
    plane: Spectrum, settings: Iterable[tuple[float, float, float]], lines: Tensor | None = None
) -> tuple[Move, float, float]:
    """The likeliest motion, its log-likelihood, and the noise."""
    moves = [move for move in map(Move._make, settings) if move.width >= 0]
    trials = torch.stack([_power(move) for move in moves])
    fit = quick_fit(plane, trials if lines is None else _beside(trials, lines))
    return moves[fit.best % len(moves)], float(fit.likelihood.max()), fit.noise


def _beside(trials: Tensor, lines: Tensor) -> Tensor:
    """Each of ``trials`` (k, n) with each power of ``lines`` (r, n): (r k, n)."""
    return (lines[:, None] * trials).flatten(0, 1)


def _around(value: float, *steps: float) -> list[float]:
    return sorted({value, *(value - step for step in steps), *(value + step for step in steps)})


@lru_cache(maxsize=2048)
def _power(move: Move) -> Tensor:
    """|K|^2 at the frequencies of a ``spectrum``."""
    return transfer(kernels.motion(*move), frequencies())
