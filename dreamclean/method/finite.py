"""Values that are not finite stop an image; they never become a black picture."""

from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError


class NotFinite(DreamCleanError):
    """A component gave NaN or infinity."""


def finite(x: Tensor, who: str, cure: str) -> Tensor:
    """``x``; unless every value is finite, ``NotFinite``, which says who made it and what may help."""
    if x.numel() == 0 or all(bool(end.isfinite()) for end in x.aminmax()):
        return x
    raise NotFinite(f"{who} gave values that are not finite; {cure}")
