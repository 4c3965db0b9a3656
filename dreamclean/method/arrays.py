"""NumPy arrays in and out, as OpenCV, scikit-image and imageio have them: (H, W, 3) in the order RGB, or (H, W)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dreamclean.contracts.brief import brief
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import Operator
from dreamclean.method.restoration import Restoration


def restore_array(
    array: np.ndarray,
    operator: Operator | None,
    restore: Callable[[Image.Image], Restoration[Any]],
    restore_tensor: Callable[[Tensor, Tensor], Restoration[Any]],
) -> Restoration[np.ndarray]:
    """Restore an array (H, W, 3) or (H, W), uint8 or floating-point in [0, 1]; so is the result.

    uint8 is treated as a picture file's pixels, rounded to 8 bits, by ``restore``; floating-point values are used as they
    are, by ``restore_tensor``, which takes the measurement that they show and themselves. DreamCleanError for any other array.
    """
    check_array(array)
    if operator is not None and not operator.viewable:
        raise DreamCleanError(f"a measurement of {operator.name} is not a picture; give it as a tensor")
    if array.dtype == np.uint8:
        result = restore(Image.fromarray(array))
        return replace(result, image=np.array(result.image))
    pixels = pixels_of(array)
    y = operator.from_picture(pixels) if operator else pixels
    result = restore_tensor(y, pixels)
    image = result.image[0].movedim(0, -1).cpu().numpy().astype(array.dtype)
    coloured = y.shape[1] == 1
    return replace(result, image=image.mean(-1) if array.ndim == 2 and not coloured else image)


def check_array(array: np.ndarray) -> None:
    """DreamCleanError unless ``array`` is a picture: (H, W, 3) or (H, W), uint8 or floating-point."""
    known = array.dtype == np.uint8 or np.issubdtype(array.dtype, np.floating)
    if not known or not array.size or array.shape[2:] not in ((), (3,)) or array.ndim < 2:
        raise DreamCleanError(
            f"the array is {brief(array)}; give (H, W, 3) or (H, W) of uint8, or of floating-point values in [0, 1]"
        )


def pixels_of(array: np.ndarray) -> Tensor:
    """The pixels (1, 3, H, W) in [0, 1] of such an array."""
    values: Any = array / np.float32(255) if array.dtype == np.uint8 else array.astype(np.float32)
    pixels = torch.from_numpy(values)
    return pixels.expand(1, 3, -1, -1).clone() if array.ndim == 2 else pixels.movedim(-1, 0)[None].contiguous()
