"""Pixels that show nothing of the picture: impulses, dead pixels and lines, scratches, dust, a stamped date."""

from random import Random

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dreamclean.builtin.operators.inpaint import Inpaint
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, eight_bit, normal
from dreamclean.method.measured import EIGHT_BIT

ORANGE = (255, 140, 30)
"""What cameras stamped dates in."""


def covered(x: Tensor, over: Tensor, lost: Tensor, std: float, seed: int) -> Damaged:
    """``x`` with noise of ``std`` (of 255), under ``over`` where ``lost`` (1, 1, H, W) is True."""
    y = torch.where(lost, over, x + std / 255 * normal(x, seed))
    return Damaged(eight_bit(y), x, inpaint_text(lost, std), lost=lost)


def inpaint_text(lost: Tensor, std: float = 0.0) -> str:
    """The operator that takes ``lost`` pixels out, of a picture of 8 bits with noise of ``std`` (of 255)."""
    noise = float(f"{((std / 255) ** 2 + EIGHT_BIT**2) ** 0.5:.4g}")
    return f"inpaint:bitmap={Inpaint.of(~lost).bitmap},noise={noise}"


def draw(x: Tensor) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty sheet of the size of ``x``, white on black, to draw lost pixels on."""
    sheet = Image.new("L", (x.shape[-1], x.shape[-2]))
    return sheet, ImageDraw.Draw(sheet)


def mask_of(sheet: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(sheet) > 127)[None, None]


def salt_and_pepper(x: Tensor, seed: int, share: float = 0.06, std: float = 0.0) -> Damaged:
    """A ``share`` of the pixels is black or white, half and half."""
    generator = torch.Generator().manual_seed(seed + 1)
    chance = torch.rand((1, 1, *x.shape[-2:]), generator=generator)
    return covered(x, (chance < share / 2).to(x), chance < share, std, seed)


def random_impulses(x: Tensor, seed: int, share: float = 0.06, std: float = 0.0) -> Damaged:
    """A ``share`` of the pixels has any value, in each channel another."""
    generator = torch.Generator().manual_seed(seed + 1)
    lost = torch.rand((1, 1, *x.shape[-2:]), generator=generator) < share
    return covered(x, torch.rand(x.shape, generator=generator), lost, std, seed)


def dead_pixels(x: Tensor, seed: int, pixels: int = 40, lines: int = 2, std: float = 3.0) -> Damaged:
    """Some pixels and whole rows or columns of the sensor are black or white."""
    rng, (height, width) = Random(seed), x.shape[-2:]
    lost, over = torch.zeros(1, 1, height, width, dtype=torch.bool), torch.zeros_like(x)
    for _ in range(pixels):
        row, column, value = rng.randrange(height), rng.randrange(width), rng.choice((0.0, 1.0))
        lost[..., row, column], over[..., row, column] = True, value
    for _ in range(lines):
        value, down, place = rng.choice((0.0, 1.0)), rng.random() < 0.5, rng.random()
        where = (..., int(place * width)) if down else (..., int(place * height), slice(None))
        lost[where], over[where] = True, value
    return covered(x, over, lost, std, seed)


def scratches(x: Tensor, seed: int, count: int = 6, std: float = 8.0) -> Damaged:
    """White scratches of 1 to 2 pixels, more or less upright, over noise."""
    rng, (height, width) = Random(seed), x.shape[-2:]
    sheet, pen = draw(x)
    for _ in range(count):
        top, left = rng.uniform(0, 0.3) * height, rng.uniform(0.05, 0.95) * width
        ends = (left, top, left + rng.uniform(-0.15, 0.15) * width, top + rng.uniform(0.4, 0.7) * height)
        pen.line(ends, fill=255, width=rng.choice((1, 2)))
    return covered(x, torch.ones_like(x), mask_of(sheet), std, seed)


def dust(x: Tensor, seed: int, count: int = 20, std: float = 3.0) -> Damaged:
    """Specks of 1 to 4 pixels and short hairs, white as on a scanned negative."""
    rng, (height, width) = Random(seed), x.shape[-2:]
    sheet, pen = draw(x)
    for _ in range(count):
        column, row, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.7, 2.5)
        pen.ellipse((column - radius, row - radius, column + radius, row + radius * rng.uniform(0.6, 1)), fill=255)
    for _ in range(count // 5):
        column, row = rng.uniform(0, width), rng.uniform(0, height)
        pen.arc((column, row, column + rng.uniform(8, 24), row + rng.uniform(8, 24)), 20, 150, fill=255)
    return covered(x, torch.full_like(x, 0.96), mask_of(sheet), std, seed)


def stamped_date(x: Tensor, seed: int, std: float = 3.0) -> Damaged:
    """A date in orange, at the lower right."""
    rng, (height, width) = Random(seed), x.shape[-2:]
    sheet, pen = draw(x)
    text = f"{rng.randint(1, 12)} {rng.randint(1, 28)} '{rng.randint(80, 99)}"
    pen.text((width - 6, height - 6), text, 255, ImageFont.load_default(max(10, height // 12)), anchor="rs")
    over = torch.tensor(ORANGE).view(1, 3, 1, 1).to(x).expand(x.shape) / 255
    return covered(x, over, mask_of(sheet), std, seed)
