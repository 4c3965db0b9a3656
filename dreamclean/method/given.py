"""What a tensor must be to be restored."""

import torch
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import Operator


def check_values(image: Tensor, picture: bool) -> None:
    """DreamCleanError unless the values are numbers, and of a ``picture`` near [0, 1]."""
    if not image.is_floating_point():
        raise DreamCleanError(f"the tensor is {image.dtype}; give floating-point values in [0, 1]")
    if not image.isfinite().all() or (picture and image.abs().max() > 8):
        raise DreamCleanError("the tensor's values are not in [0, 1]; scale them (8-bit values: divide by 255)")


def check_shape(y: Tensor, operator: Operator | None) -> None:
    """DreamCleanError unless ``y`` is a batch of colour pictures, or what ``operator`` makes of one."""
    channels = "3" if operator is None else "C"
    if y.numel() == 0 or ((operator is None or operator.viewable) and y.ndim != 4):
        raise DreamCleanError(f"the tensor is {tuple(y.shape)}; give (B, {channels}, H, W), one image or more")
    if operator is None and y.shape[1] != 3:
        raise DreamCleanError(f"the tensor is {tuple(y.shape)}; give (B, 3, H, W)")
    if operator is not None:
        fitting = operator.degrade(torch.zeros(operator.image_shape(y), dtype=y.dtype, device=y.device)).shape
        if fitting != y.shape:
            raise DreamCleanError(
                f"the measurement is {tuple(y.shape)}, {operator.name} makes {tuple(fitting)}; give what it makes"
            )
