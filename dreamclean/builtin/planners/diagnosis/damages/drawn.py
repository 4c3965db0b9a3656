"""Clean pictures that no camera took, drawn by code: they have the size of the picture that is given, and nothing of it."""

import math
from random import Random

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.damages.clean import unharmed
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged

WORDS = [
    "the",
    "picture",
    "of",
    "a",
    "clean",
    "page",
    "says",
    "what",
    "it",
    "has",
    "to",
    "say",
    "in",
    "a",
    "few",
    "plain",
    "words",
    "and",
    "then",
    "stops",
]
Colour = tuple[int, int, int]


def sheet(x: Tensor, paper: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (x.shape[-1], x.shape[-2]), paper)
    return image, ImageDraw.Draw(image)


def shown(image: Image.Image) -> Damaged:
    return unharmed(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255)


def sentence(rng: Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words)).capitalize() + "."


def text_page(x: Tensor, seed: int) -> Damaged:
    """A page of print, black on white or on yellowed paper, or a dark page."""
    rng = Random(seed)
    paper, ink = rng.choice((((255,) * 3, (0,) * 3), ((244, 236, 214), (40, 32, 28)), ((24, 26, 30), (220,) * 3)))
    image, pen = sheet(x, paper)
    size = rng.randint(9, 18)
    font, row = ImageFont.load_default(size), 6
    while row < image.height:
        pen.text((8, row), sentence(rng, 2 + image.width // (4 * size)), ink, font)
        row += round(size * 1.4)
    return shown(image)


def screenshot(x: Tensor, seed: int) -> Damaged:
    """A window with a title bar, a list with rules, buttons and small text."""
    rng = Random(seed)
    dark = rng.random() < 0.3
    ground, panel, ink = ((40, 42, 48), (54, 57, 64), (225,) * 3) if dark else ((236,) * 3, (255,) * 3, (30,) * 3)
    accent = tuple(rng.randint(30, 220) for _ in range(3))
    image, pen = sheet(x, ground)
    width, height, font = image.width, image.height, ImageFont.load_default(11)
    pen.rectangle((0, 0, width, 20), accent)
    pen.text((6, 3), sentence(rng, 3), (255,) * 3, font)
    side = width // 4
    pen.rectangle((side, 28, width - 6, height - 6), panel, outline=accent)
    for row in range(30, height - 20, 18):
        pen.text((4, row), rng.choice(WORDS), ink, font)
        pen.text((side + 8, row + 2), sentence(rng, 5)[: (width - side) // 6], ink, font)
        pen.line(
            (side, row + 17, width - 6, row + 17), fill=tuple((a + b) // 2 for a, b in zip(ground, ink, strict=True))
        )
    for column in range(3):
        left = side + 8 + column * 44
        pen.rounded_rectangle((left, height - 24, left + 38, height - 10), 4, accent)
    return shown(image)


def drawing(x: Tensor, seed: int) -> Damaged:
    """Flat shapes with outlines, and lines: a chart or a cartoon."""
    rng = Random(seed)
    image, pen = sheet(x, tuple(rng.randint(200, 255) for _ in range(3)))  # type: ignore[arg-type]
    width, height = image.size
    for _ in range(rng.randint(5, 10)):
        left, top = rng.uniform(-0.1, 0.8) * width, rng.uniform(-0.1, 0.8) * height
        box = (left, top, left + rng.uniform(0.1, 0.5) * width, top + rng.uniform(0.1, 0.5) * height)
        fill = tuple(rng.randint(0, 255) for _ in range(3))
        rng.choice((pen.ellipse, pen.rectangle))(box, fill, outline=(0, 0, 0), width=rng.randint(1, 3))
    for _ in range(rng.randint(3, 12)):
        ends = tuple(rng.random() * side for side in (width, height, width, height))
        pen.line(ends, fill=tuple(rng.randint(0, 255) for _ in range(3)), width=rng.randint(1, 2))
    return shown(image)


def _coordinates(x: Tensor) -> tuple[Tensor, Tensor]:
    rows, columns = (torch.linspace(0, 1, side) for side in x.shape[-2:])
    return rows[:, None], columns[None]


def _clouds(x: Tensor, rng: Random, waves: int = 12) -> Tensor:
    """Smooth random values in about [-1, 1], (H, W)."""
    rows, columns = _coordinates(x)
    total = torch.zeros(x.shape[-2:])
    for _ in range(waves):
        angle, frequency, phase = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 5), rng.uniform(0, 2 * math.pi)
        along = rows * math.sin(angle) + columns * math.cos(angle)
        total = total + (2 * math.pi * frequency * along + phase).sin() / frequency
    return total / total.abs().max().clamp(min=1e-6)


def smooth_sky(x: Tensor, seed: int) -> Damaged:
    """From the zenith to the horizon, with a little cloud: bands of 8 bits and nothing else."""
    rng = Random(seed)
    top = torch.tensor([rng.uniform(0.1, 0.5), rng.uniform(0.3, 0.6), rng.uniform(0.6, 0.95)]).view(1, 3, 1, 1)
    low = torch.tensor([rng.uniform(0.6, 1), rng.uniform(0.6, 0.9), rng.uniform(0.6, 1)]).view(1, 3, 1, 1)
    down = _coordinates(x)[0].expand(x.shape[-2:])
    return unharmed(top + (low - top) * down + 0.06 * _clouds(x, rng))


def stars(x: Tensor, seed: int, density: float = 1.5e-3) -> Damaged:
    """A night sky: stars of all brightnesses, each as wide as a lens makes it, over a faint glow."""
    rng = Random(seed)
    height, width = x.shape[-2:]
    sky = (0.04 + 0.03 * _clouds(x, rng, 4)).expand(3, -1, -1) * torch.tensor([0.7, 0.8, 1.3]).view(3, 1, 1)
    rows, columns = torch.arange(height).float()[:, None], torch.arange(width).float()[None]
    spread = rng.uniform(0.6, 1.1)
    for _ in range(round(density * height * width)):
        row, column = rng.uniform(0, height), rng.uniform(0, width)
        light = min(4.0, 0.08 * rng.paretovariate(1.0))
        tint = torch.tensor([rng.uniform(0.8, 1.1) for _ in range(3)]).view(3, 1, 1)
        spot = (-((rows - row) ** 2 + (columns - column) ** 2) / (2 * spread**2)).exp()
        sky = sky + light * tint * spot
    return unharmed(sky[None].clamp(0, 1))
