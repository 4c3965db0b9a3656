"""The rule for priors without a calibration: white noise, other noise, or nothing that can be told."""

import math
from collections.abc import Sequence
from itertools import pairwise

WHITE_CORRELATION = 0.2
RISE = 1.15
LOUD = 0.75


def read(ratios: Sequence[float], rms: Sequence[float], correlation: Sequence[float]) -> tuple[str, float | None]:
    """Family and the noise-to-signal ratio to start at (None: nothing to do), from the two curves.

    ``rms`` of the noise estimate and its ``correlation`` at lag 1, by ascending noise-to-signal ratio. Asked
    below a white noise's level the estimate is as wide as 1 or wider, above it falls: the level is where it
    crosses 1, or its own peak if that is lower. A picture whose estimates are narrow and fall from the start is
    called clean: blocking and blur look so too, and doing nothing does no harm.
    """
    peak = max(rms)
    level = _crossing(ratios, rms, min(1.0, 0.97 * peak))
    there = _at(level, ratios, correlation)
    if peak > LOUD and there < WHITE_CORRELATION:
        return "white noise", level
    if peak > RISE * rms[0]:
        return ("correlated noise" if peak > 0.5 else "mixed"), level
    return "clean", None


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
