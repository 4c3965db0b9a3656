"""Measurement noise as people write it."""

from dreamclean.contracts.brief import brief
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import Operator


def parse_noise(noise: float | str) -> dict[str, float]:
    """An operator's noise settings from ``0.05``, ``"gaussian:0.05"`` or ``"poisson:RATE"``."""
    kind, _, number = str(noise).rpartition(":")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf") or kind not in ("", "gaussian", "poisson"):
        raise DreamCleanError(
            f"{brief(str(noise))} is no noise; write a standard deviation such as 0.05, or poisson:RATE"
        )
    return {"poisson" if kind == "poisson" else "noise": value}


def with_noise(operator: Operator, noise: float | str | None) -> Operator:
    """``operator`` with the measurement noise that ``noise`` says; None: its own."""
    return operator if noise is None else operator.model_copy(update=parse_noise(noise))
