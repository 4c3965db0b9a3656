"""Masks and maps as text: a picture of two tones, or a grey one, as compressed PNG in base64, so that a recipe can carry it."""

import base64
import io
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.decoding import at_most

MOST_PIXELS = 1 << 28


def single(mask: Tensor) -> Tensor:
    """A mask or map as (1, 1, H, W), from that or (H, W). DreamCleanError for one that differs between images or channels."""
    if mask.ndim == 2:
        return mask[None, None]
    if mask.ndim != 4 or mask.shape[:2] != (1, 1):
        raise DreamCleanError(f"one for all images and channels is (1, 1, H, W) or (H, W), not {tuple(mask.shape)}")
    return mask


def to_text(mask: Tensor) -> str:
    """A mask (1, 1, H, W) of bool, or a map of uint8, as text.

    In base64's alphabet for addresses, which no separator of settings is part of.
    """
    file = io.BytesIO()
    Image.fromarray(mask[0, 0].cpu().numpy()).save(file, "PNG", optimize=True)
    return base64.urlsafe_b64encode(file.getvalue()).decode().rstrip("=")


def from_text(text: str, mode: Literal["1", "L"], writer: str) -> Tensor:
    """The mask (1, 1, H, W) of bool, or with ``mode`` "L" the map of uint8; ValueError, which names the ``writer``, for text that is none."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        with at_most(MOST_PIXELS / 1e6), Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.mode != mode or image.width * image.height > MOST_PIXELS:
                raise ValueError
            return torch.from_numpy(np.array(image))[None, None]
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:  # whatever Pillow says
        raise ValueError(f"this is not the text that {writer} writes") from error
