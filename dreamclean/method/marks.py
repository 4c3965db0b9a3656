"""Masks that the user gives: what is to be filled in, and what must not be touched."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamclean.contracts.brief import brief
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import Operator
from dreamclean.host.host import Host
from dreamclean.method.given import opened

EDGE = 4
"""Pixels over which what is kept passes into what is restored."""
NO_PLACE = "what is to be kept has no place in the result, which has another size than the picture; leave keep out"


def mask_of(given: Any, what: str) -> Tensor:
    """The mask (1, 1, H, W) of bool that a picture file, a PIL image, an array or a tensor shows: true where it is white.

    An array or tensor is (H, W) or (1, 1, H, W), of bool, of uint8, or of values in [0, 1]. DreamCleanError for
    anything else; ``what`` is the setting's name.
    """
    if isinstance(given, str | Path) and os.path.isfile(given):  # False too of a name that is too long
        return _read(Path(given), Path(given).stat().st_mtime_ns)
    if isinstance(given, str | Path | Image.Image):
        return _white(given)
    if not isinstance(given, np.ndarray | Tensor):
        raise DreamCleanError(f"{what} is a picture, an array (H, W) or a tensor (1, 1, H, W), not {brief(given)}")
    if isinstance(given, np.ndarray):
        if given.dtype.kind not in "buif":
            raise DreamCleanError(f"{what} is {brief(given)}; give bool, uint8, or values in [0, 1]")
        given = torch.from_numpy(np.asarray(given > 127 if given.dtype == np.uint8 else given > 0.5))
    values: Tensor = given
    if values.ndim not in (2, 4) or values.shape[:-2].numel() != 1 or not values.numel():
        raise DreamCleanError(f"{what} is {tuple(values.shape)}; give (H, W) or (1, 1, H, W)")
    values = values.cpu().reshape(1, 1, *values.shape[-2:])
    return values > 127 if values.dtype == torch.uint8 else values > 0.5


@lru_cache(maxsize=4)
def _read(file: Path, changed: int) -> Tensor:
    """Of a file, once for all pictures."""
    return _white(file)


def _white(given: Path | str | Image.Image) -> Tensor:
    return opened(given, float("inf")).pixels.mean(1, keepdim=True) > 0.5  # as large as the picture, whose limit it is


def name_of(given: Any, what: str) -> str:
    """How messages call a mask: its file, or the setting."""
    return str(given) if isinstance(given, str | Path) else what


def with_mask(operator: Operator | None, mask: Any, host: Host) -> Operator | None:
    """``operator``, and then the pixels under ``mask`` lost: white is what is to be filled in. None: the operator."""
    if mask is None:
        return operator
    lost = mask_of(mask, "mask")
    if lost.all():
        raise DreamCleanError(
            f"{name_of(mask, 'mask')} is all white, so nothing is left; white is what is to be filled in"
        )
    inpaint: Operator = host.find("operator", "dreamclean/inpaint").component.of(~lost)
    return inpaint if operator is None else inpaint @ operator


def masked(y: Tensor, mask: Any) -> Tensor:
    """A measurement (B, C, H, W) with 0 where ``mask``, if there is one, is white: in what is given anything may stand there."""
    return y if mask is None else y.masked_fill(mask_of(mask, "mask").to(y.device), 0)


def check_size(mask: Any, what: str, picture: Tensor) -> None:
    """DreamCleanError unless ``mask``, if there is one, has the size of ``picture`` (B, C, H, W)."""
    if mask is None:
        return
    (height, width), (rows, columns) = picture.shape[-2:], mask_of(mask, what).shape[-2:]
    if (rows, columns) != (height, width):
        raise DreamCleanError(
            f"{name_of(mask, what)} is {columns}x{rows}, the picture {width}x{height}; "
            f"give {what} a picture of the same size"
        )


def check_place(keep: Any, picture: Tensor, y: Tensor, operator: Operator | None) -> None:
    """DreamCleanError where there is something to ``keep`` of ``picture``, and the image that ``y`` measures has another size."""
    if keep is not None and operator is not None and operator.image_shape(y)[-2:] != picture.shape[-2:]:
        raise DreamCleanError(NO_PLACE)


def kept(restored: Tensor, picture: Tensor, keep: Any) -> Tensor:
    """``restored`` with ``picture`` (both (B, C, H, W)) where ``keep`` is white, and a soft edge outside of it.

    None: ``restored``. DreamCleanError where the two are not of one size.
    """
    if keep is None:
        return restored
    if restored.shape[-2:] != picture.shape[-2:]:
        raise DreamCleanError(NO_PLACE)
    near = mask_of(keep, "keep").to(restored)
    weight = torch.stack([F.max_pool2d(near, 2 * k + 1, 1, k) for k in range(EDGE + 1)]).mean(0)
    return torch.where(near > 0, picture.to(restored), weight * picture.to(restored) + (1 - weight) * restored)
