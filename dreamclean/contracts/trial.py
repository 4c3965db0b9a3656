"""What a trial measurement tells of an operator: the size of the images, and channels that do not fit."""

from collections.abc import Callable

import torch
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError


def size_by_trial(degrade: Callable[[Tensor], Tensor], y: Tensor, name: str) -> torch.Size:
    """Shape (B, 3, H, W) of the images that the operator ``name`` turns into measurements shaped as ``y``.

    DreamCleanError if a trial with a 96 x 96 image does not tell.
    """
    try:
        trial = degrade(torch.full((1, 3, 96, 96), 0.5, device=y.device)).shape
    except (RuntimeError, ValueError, IndexError):
        if (own := _of_its_own_size(degrade, y)) is not None:
            return own
        raise
    if len(trial) == y.ndim == 4 and min(trial[2:]) > 0:
        scaled: tuple[Callable[[int, int], int], ...] = (
            lambda side, made: side * (96 // made),  # by a whole factor, and the rest was cut off
            lambda side, made: side * round(96 / made),
            lambda side, made: side * 96 // made,
        )
        for scale in scaled:
            sides = [scale(side, made) for side, made in zip(y.shape[2:], trial[2:], strict=True)]
            shape = torch.Size((y.shape[0], 3, *sides))
            if min(sides) and degrade(torch.zeros(shape, dtype=y.dtype, device=y.device)).shape == y.shape:
                return shape
    advice = channel_advice(trial, y) or "override image_shape"
    raise DreamCleanError(f"{name}: cannot tell the image's size from a measurement of {tuple(y.shape)}; {advice}")


def _of_its_own_size(degrade: Callable[[Tensor], Tensor], y: Tensor) -> torch.Size | None:
    """The image's shape where it has the size of ``y``, of an operator for images of one size; None where it has not."""
    shape = torch.Size((len(y), 3, *y.shape[2:]))
    try:
        return shape if degrade(torch.zeros(shape, dtype=y.dtype, device=y.device)).shape == y.shape else None
    except (RuntimeError, ValueError, IndexError):
        return None


def channel_advice(made: torch.Size, y: Tensor) -> str:
    """What to do if an operator makes one channel and a measurement ``y`` has three; otherwise empty."""
    if len(made) == y.ndim == 4 and (made[1], y.shape[1]) == (1, 3):
        return (
            "a measurement has 1 channel here: give (B, 1, H, W), and for picture files let the operator override "
            "from_picture(self, pixels), e.g. return pixels.mean(1, keepdim=True)"
        )
    return ""
