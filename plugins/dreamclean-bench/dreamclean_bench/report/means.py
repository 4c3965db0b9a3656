"""Mean and standard error of figures, some of which may be missing or infinite."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Stat:
    """The mean of ``n`` figures, and how many of them are infinite (the PSNR of equal pictures)."""

    n: int = 0
    mean: float | None = None
    """Infinite if one of the figures is; None if there are none."""
    error: float | None = None
    """Standard error of the mean; None for fewer than two figures and for an infinite mean."""
    infinite: int = 0
    finite_mean: float | None = None
    """The mean of the finite ones."""


def stat(figures: Iterable[float | None]) -> Stat:
    """Mean and standard error, s / sqrt(n) with the sample's s; what is None or NaN is left out of ``n``."""
    known = [float(figure) for figure in figures if figure is not None and not math.isnan(figure)]
    finite = [figure for figure in known if math.isfinite(figure)]
    if not known:
        return Stat()
    middle = math.fsum(finite) / len(finite) if finite else None
    if len(finite) < len(known):
        return Stat(len(known), math.inf, None, len(known) - len(finite), middle)
    assert middle is not None
    error = None
    if len(finite) > 1:
        error = math.sqrt(math.fsum((figure - middle) ** 2 for figure in finite) / (len(finite) - 1) / len(finite))
    return Stat(len(known), middle, error, 0, middle)
