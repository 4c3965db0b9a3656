"""Rain and snow between the camera and the scene: half transparent, all over."""

from random import Random

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, eight_bit
from dreamclean.builtin.planners.diagnosis.damages.outliers import inpaint_text

FAINT = 0.05


def veiled(x: Tensor, sheet: Image.Image, opacity: float) -> Damaged:
    """White over ``x``, as opaque as ``sheet`` is bright times ``opacity``; what it hides by more than ``FAINT`` is lost."""
    veil = torch.from_numpy(np.asarray(sheet, np.float32) / 255)[None, None] * opacity
    lost = veil > FAINT
    return Damaged(eight_bit(x + veil * (1 - x)), x, inpaint_text(lost), lost=lost)


def rain(x: Tensor, seed: int, streaks: int = 150, opacity: float = 0.6) -> Damaged:
    """Streaks of one direction; ``streaks`` in a picture of 256 x 256."""
    rng, (height, width) = Random(seed), x.shape[-2:]
    sheet = Image.new("L", (width, height))
    pen, slope = ImageDraw.Draw(sheet), rng.uniform(-0.3, 0.3)
    for _ in range(round(streaks * height * width / 256**2)):
        column, row, length = rng.uniform(-20, width + 20), rng.uniform(-20, height), rng.uniform(10, 28)
        pen.line((column, row, column + slope * length, row + length), fill=rng.randint(120, 255))
    return veiled(x, sheet, opacity)


def snow(x: Tensor, seed: int, flakes: int = 150, opacity: float = 0.9) -> Damaged:
    """Soft flakes of 1 to 3 pixels; ``flakes`` in a picture of 256 x 256."""
    rng, (height, width) = Random(seed), x.shape[-2:]
    sheet = Image.new("L", (width, height))
    pen = ImageDraw.Draw(sheet)
    for _ in range(round(flakes * height * width / 256**2)):
        column, row, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.5, 2.2)
        pen.ellipse((column - radius, row - radius, column + radius, row + radius), fill=rng.randint(150, 255))
    return veiled(x, sheet.filter(ImageFilter.GaussianBlur(0.6)), opacity)
