"""The rule for priors without a calibration: white noise, noise with other damage, or nothing that can be told."""

import math
from collections.abc import Sequence
from itertools import pairwise

UNKNOWN = "unknown"
"""Clean, compressed, blurred or small: without a calibration they look alike."""
CANNOT_TELL = "this prior has no calibration: cannot tell compressed or blurred from clean"
LOUD, SOME = 0.75, 0.6
"""Peaks of the rms above which an estimate is that of noise, or of noise and other damage."""
WHITE = 0.2
"""The most that white noise's estimate is correlated at its own level."""


def read(ratios: Sequence[float], rms: Sequence[float], correlation: Sequence[float]) -> tuple[str, float | None]:
    """Family and the noise-to-signal ratio to start at (None: unknown), from the two curves.

    ``rms`` of the noise estimate and its ``correlation`` at lag 1, by ascending noise-to-signal ratio. Asked
    below a white noise's level the estimate is about as wide as 1 or wider, above it falls: the level is where it
    falls through 1, or through 0.95 of its own peak if that is lower, which errs on the low side for weak networks.
    A picture whose estimates are narrow may be clean, compressed or blurred: unknown.
    """
    peak = max(rms)
    level = _crossing(ratios, rms, min(1.0, 0.95 * peak))
    if peak > LOUD and correlation[0] < WHITE and _at(level, ratios, correlation) < WHITE:
        return "white noise", level
    if peak > SOME and correlation[0] > 0:
        return "mixed", level
    return UNKNOWN, None


def _crossing(ratios: Sequence[float], rms: Sequence[float], height: float) -> float:
    """Where the curve last falls through ``height``; the last ratio if it never does."""
    above = max(k for k, value in enumerate(rms) if value >= height)
    if above == len(rms) - 1:
        return ratios[-1]
    share = (rms[above] - height) / (rms[above] - rms[above + 1])
    return math.exp(math.log(ratios[above]) * (1 - share) + math.log(ratios[above + 1]) * share)


def _at(ratio: float, ratios: Sequence[float], values: Sequence[float]) -> float:
    """``values`` at ``ratio``, straight between neighbours on the logarithmic scale."""
    for (low, high), (a, b) in zip(pairwise(ratios), pairwise(values), strict=True):
        if ratio <= high:
            share = max(0.0, math.log(ratio / low) / math.log(high / low))
            return a * (1 - share) + b * share
    return values[-1]
