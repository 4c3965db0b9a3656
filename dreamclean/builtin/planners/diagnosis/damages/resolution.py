"""Enlarged pictures: made smaller once, and shown at their old size."""

import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.operators.downsample import Downsample
from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, eight_bit, noise_text


def enlarge(small: Tensor, like: Tensor, method: str) -> Tensor:
    """``small`` at the size of ``like``: nearest, bilinear or bicubic."""
    options = {} if method == "nearest" else {"align_corners": False}
    return F.interpolate(small, size=like.shape[-2:], mode=method, **options)


def smaller(x: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """``x`` cut to a multiple of ``factor``, and that made smaller by Keys' bicubic kernel."""
    height, width = (side - side % factor for side in x.shape[-2:])
    whole = x[..., :height, :width]
    return whole, Downsample(factor=factor, method="bicubic").degrade(whole)


def enlarged(x: Tensor, seed: int, factor: int = 4, method: str = "bicubic") -> Damaged:
    """Made smaller by ``factor`` and enlarged again by ``method``. Remainders are cut off."""
    whole, small = smaller(x, factor)
    small = eight_bit(small)
    text = f"downsample:factor={factor},method=bicubic,{noise_text()}"
    return Damaged(eight_bit(enlarge(small, whole, method)), whole, text, measurement=small)


def small_jpeg(x: Tensor, seed: int, factor: int = 2, quality: int = 40) -> Damaged:
    """Made smaller, compressed, and enlarged again (bicubic): pictures that went round the web."""
    whole, small = smaller(x, factor)
    small = JPEG(quality=(quality,)).degrade(small)
    text = f"downsample:factor={factor},method=bicubic | jpeg:quality={quality}"
    return Damaged(eight_bit(enlarge(small, whole, "bicubic")), whole, text, measurement=small)
