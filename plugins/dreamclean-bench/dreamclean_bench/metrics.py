"""How near a restored image is to its reference."""

from functools import cache
from typing import Any, TypedDict

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from dreamclean_bench.lpips import LPIPS


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of images in [0, 1]; infinite for equal ones."""
    return float(-10 * (a - b).square().mean().log10())


def ssim(a: Tensor, b: Tensor) -> float:
    """Structural similarity of images (B, 3, H, W) in [0, 1] (Wang et al. 2004), by torchmetrics."""
    value: Any = structural_similarity_index_measure(a, b, data_range=1.0)  # a tuple only where more is asked for
    return float(value)


def lpips(a: Tensor, b: Tensor) -> float:
    """Learned perceptual distance of images (B, 3, H, W) in [0, 1]; 0 for equal ones."""
    return float(_lpips()(a, b).mean())


@cache
def _lpips() -> LPIPS:
    return LPIPS()


class Metrics(TypedDict):
    """How near a result is: dB, 0 to 1, and a distance."""

    psnr: float
    ssim: float
    lpips: float


@torch.no_grad()
def metrics(result: Tensor, reference: Tensor) -> Metrics:
    """PSNR, SSIM and LPIPS of ``result`` as a picture file would hold it, in 8 bits."""
    rounded = (result.clamp(0, 1) * 255).round() / 255
    return Metrics(psnr=psnr(rounded, reference), ssim=ssim(rounded, reference), lpips=lpips(rounded, reference))
