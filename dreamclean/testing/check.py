"""Checks that fail with a line that says what is wrong and what to do, and print no tensors."""

from torch import Tensor


def distance(value: Tensor, wanted: Tensor) -> float:
    """||value - wanted|| / ||wanted||; infinite where a value is not finite."""
    if not value.isfinite().all():
        return float("inf")
    return float((value - wanted).norm() / wanted.norm().clamp(min=1e-12))


def check(holds: object, otherwise: str) -> None:
    """Raise AssertionError with the text ``otherwise`` unless ``holds``."""
    __tracebackhide__ = True
    if not holds:
        raise AssertionError(otherwise)


def check_close(value: Tensor, wanted: Tensor, allowed: float, otherwise: str) -> None:
    """Raise it unless the relative ``distance`` of the two is below ``allowed``; the text then also has shapes and figures."""
    __tracebackhide__ = True
    check(value.shape == wanted.shape, f"{otherwise} (shape {tuple(value.shape)}, wanted {tuple(wanted.shape)})")
    off = distance(value, wanted)
    check(off < allowed, f"{otherwise} (off by {off:.2g} of the norm; below {allowed:.2g} is wanted)")


def check_equal(value: Tensor, wanted: Tensor, otherwise: str) -> None:
    """Raise it unless the two are equal to the last bit."""
    __tracebackhide__ = True
    check(value.shape == wanted.shape, f"{otherwise} (shape {tuple(value.shape)}, wanted {tuple(wanted.shape)})")
    off = float((value - wanted).abs().max()) if value.numel() else 0.0
    check(value.equal(wanted), f"{otherwise} (values differ by up to {off:.2g}, where none may)")
