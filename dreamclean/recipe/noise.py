"""Measurement noise as people write it."""

from dreamclean.contracts.brief import brief
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.fraction import number
from dreamclean.contracts.measurement_noise import check_noise
from dreamclean.contracts.operator import Operator


def parse_noise(noise: float | str) -> dict[str, float]:
    """An operator's noise settings from ``0.05``, ``"25/255"``, ``"gaussian:0.05"`` or ``"poisson:RATE"``."""
    kind, _, text = str(noise).rpartition(":")
    try:
        value = number(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf") or kind not in ("", "gaussian", "poisson"):
        raise DreamCleanError(
            f"{brief(str(noise))} is not a noise level; write a standard deviation such as 0.05, or poisson:RATE"
        )
    return {"poisson" if kind == "poisson" else "noise": value}


def with_noise(operator: Operator, noise: float | str | None) -> Operator:
    """``operator`` with the measurement noise that ``noise`` says; None: its own.

    DreamCleanError for noise that cannot be, such as 25 where 25/255 is meant.
    """
    if noise is None:
        return operator
    settings = parse_noise(noise)
    if operator.viewable:
        try:
            check_noise(settings.get("noise", 0.0))
        except ValueError as error:
            raise DreamCleanError(str(error)) from None
    return operator.model_copy(update=settings)
