"""The tasks, the crops and the metrics that the starter prior's card reports."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from dreamclean import JPEG, Blur, Colorize, Downsample, Identity, Inpaint, Operator, Picture
from dreamclean.pictures import is_picture

TASKS: dict[str, Operator] = {
    "sr4-noisy": Downsample(factor=4, noise=0.05),
    "jpeg-cascade": JPEG(quality=(10, 20, 40), shift=(0, 3, 6)),
    "denoise-25": Identity(noise=25 / 255),
    "deblur-uniform": Blur(shape="uniform", size=9, noise=0.05),
    "deblur-gauss": Blur(shape="gaussian", size=5, std=(10.0,), noise=0.05),
    "colorize": Colorize(noise=0.05),
    "inpaint": Inpaint(share=0.5, noise=0.05),
}


def crops(folder: Path, size: int = 256, every: int = 1, limit: int | None = None) -> Iterator[tuple[str, Tensor]]:
    """Name and centre crop (1, 3, size, size) of every ``every``-th picture of ``folder``, the last of each run."""
    paths = sorted(p for p in folder.iterdir() if is_picture(p))[every - 1 :: every]
    for path in paths[:limit]:
        pixels = Picture.open(path).pixels
        top, left = (pixels.shape[2] - size) // 2, (pixels.shape[3] - size) // 2
        yield path.name, pixels[..., top : top + size, left : left + size]


def measure(operator: Operator, image: Tensor, seed: int) -> Tensor:
    """The degraded measurement, the same for every method."""
    return operator.measure(image, torch.Generator().manual_seed(seed))


def shown(measurement: Tensor, size: torch.Size) -> Tensor:
    """A measurement as the picture that a person has: enlarged pixel by pixel, grey in three channels."""
    factor = size[-1] // measurement.shape[-1]
    enlarged = measurement.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    return enlarged.expand(-1, 3, -1, -1).clamp(0, 1)


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of images in [0, 1]."""
    return float(-10 * (a - b).square().mean().log10())


def ssim(a: Tensor, b: Tensor) -> float:
    """Structural similarity of images in [0, 1] (Wang et al. 2004), by torchmetrics."""
    return float(structural_similarity_index_measure(a, b, data_range=1.0))
