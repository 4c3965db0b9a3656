"""Fit the network of ``find_overlay``: photographs, plain and with spots, strokes, lines or dust drawn over them.

    python contrib/calibrate/overlay.py PHOTOS [--minutes 60] [--from FILE] [--hold-out 40]

The shapes are drawn here, by other rules than the rain, snow, dust and scratches of ``diagnosis/damages``, which serve to
report on the photographs kept out. One core.
"""

import argparse
import io
import math
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from photographs import shared_out
from PIL import Image, ImageDraw, ImageFilter
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dreamclean import Picture
from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.planners.diagnosis.damage import blurred, log_uniform
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit, normal
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS
from dreamclean.builtin.planners.diagnosis.outliers.overlay import WEIGHTS, find_overlay
from dreamclean.builtin.planners.diagnosis.outliers.overlay_network import OverlayNetwork
from dreamclean.pictures.picture import write_atomically

SIDE, BATCH, RATE = 128, 8, 5e-3
SEEN, HIDDEN = 0.05, 0.015
"""A pixel has something over it where it differs by more than SEEN; between the two it does not count."""
PLAIN = [kind for kind in KINDS.values() if kind.group == "clean"]
REPORTED = ("snow", "rain", "dust", "scratches", "halo", "haze")


def crop(photo: Tensor, rng: random.Random) -> Tensor:
    """A square of ``SIDE`` pixels of a smaller copy."""
    x = photo.float() / 255
    least = SIDE / min(x.shape[-2:])
    scale = max(least, log_uniform(rng, 0.35, 1.0))
    x = F.interpolate(x, size=[max(SIDE, round(n * scale)) for n in x.shape[-2:]], mode="bicubic", antialias=True)
    top, left = (rng.randint(0, n - SIDE) for n in x.shape[-2:])
    x = x[..., top : top + SIDE, left : left + SIDE].clamp(0, 1)
    return x.flip(-1) if rng.random() < 0.5 else x


class Sheet:
    """Something drawn on an empty sheet, at its size or twice as fine, so that edges are hard or soft."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.fine = rng, rng.choice((1, 2))
        self.side = SIDE * self.fine
        self.image = Image.new("L", (self.side, self.side))
        self.pen = ImageDraw.Draw(self.image)

    def many(self, low: float, high: float) -> range:
        """Between ``low`` and ``high`` in a picture of 256 x 256."""
        return range(round(log_uniform(self.rng, low, high) * SIDE**2 / 256**2) + 1)

    def place(self) -> tuple[float, float]:
        return self.rng.uniform(-0.05, 1.05) * self.side, self.rng.uniform(-0.05, 1.05) * self.side

    def spots(self) -> None:
        rng, least, largest = self.rng, self.rng.uniform(0.3, 0.8), log_uniform(self.rng, 0.9, 3.5)
        for _ in self.many(25, 420):
            (x, y), wide = self.place(), self.fine * rng.uniform(least, largest)
            tall = wide * rng.uniform(0.6, 1)
            self.pen.ellipse((x - wide, y - tall, x + wide, y + tall), fill=rng.randint(110, 255))

    def strokes(self) -> None:
        rng, angle, spread = self.rng, self.rng.uniform(-0.9, 0.9), self.rng.choice((0.02, 0.1, 0.4))
        longest, width = (
            self.fine * log_uniform(rng, 5, 40),
            rng.choice((1, 1, 2)) if self.fine == 1 else rng.randint(1, 4),
        )
        for _ in self.many(25, 350):
            (x, y), length, turned = self.place(), longest * rng.uniform(0.4, 1), angle + rng.gauss(0, spread)
            end = (x + length * math.sin(turned), y + length * math.cos(turned))
            self.pen.line((x, y, *end), fill=rng.randint(90, 255), width=width)

    def lines(self) -> None:
        rng = self.rng
        for _ in range(rng.randint(1, 7)):
            width = rng.choice((1, 1, 2)) if self.fine == 1 else rng.randint(1, 5)
            turned, length = rng.uniform(-1.5, 1.5), rng.uniform(0.2, 0.9) * self.side
            points = [self.place()]
            for _ in range(6):
                turned += rng.gauss(0, 0.12)
                x, y = points[-1]
                points.append((x + length / 6 * math.sin(turned), y + length / 6 * math.cos(turned)))
            self.pen.line(points, fill=rng.randint(160, 255), width=width)

    def dust(self) -> None:
        rng = self.rng
        for _ in self.many(6, 70):
            (x, y), wide = self.place(), self.fine * rng.uniform(0.5, 3)
            self.pen.ellipse((x - wide, y - wide * rng.uniform(0.5, 1), x + wide, y + wide), fill=rng.randint(180, 255))
        for _ in range(rng.randint(0, 6)):
            (x, y), wide, start = self.place(), self.fine * rng.uniform(5, 24), rng.uniform(0, 360)
            box = (x, y, x + wide, y + wide * rng.uniform(0.5, 1))
            self.pen.arc(
                box, start, start + rng.uniform(60, 200), fill=rng.randint(180, 255), width=rng.choice((1, self.fine))
            )

    def opacity(self) -> Tensor:
        """What was drawn, (1, 1, SIDE, SIDE) in [0, 1]."""
        soft = self.fine * self.rng.choice((0, 0.4, 0.6, 1.0, 1.5)) * self.rng.uniform(0.5, 1)
        image = self.image.filter(ImageFilter.GaussianBlur(soft)) if soft > 0.1 else self.image
        return F.avg_pool2d(torch.from_numpy(np.asarray(image, np.float32) / 255)[None, None], self.fine)


def covered(x: Tensor, rng: random.Random) -> Tensor:
    """``x`` with something over it: weather is light and half transparent, dirt has any colour."""
    sheet = Sheet(rng)
    weather = rng.random() < 5 / 7
    if weather:
        rng.choice((sheet.spots, sheet.spots, sheet.spots, sheet.strokes, sheet.strokes))()
        colour, opacity = torch.full((3,), rng.uniform(0.75, 1) if rng.random() < 0.25 else 1.0), rng.uniform(0.3, 1)
    else:
        rng.choice((sheet.lines, sheet.dust))()
        chance, opacity = rng.random(), rng.uniform(0.6, 1)
        colour = torch.full((3,), rng.uniform(0, 0.12)) if chance < 0.25 else torch.ones(3)
        colour = torch.tensor([rng.random() for _ in range(3)]) if 0.25 <= chance < 0.4 else colour
    veil = opacity * sheet.opacity()
    return x * (1 - veil) + colour.view(1, 3, 1, 1) * veil


def sample(photo: Tensor, rng: random.Random) -> tuple[Tensor, Tensor, Tensor]:
    """A picture, where something lies over it, and where that counts."""
    x, seed, chance = crop(photo, rng), rng.randrange(2**31), rng.random()
    if chance < 0.3:
        x = rng.choice(PLAIN)(x, seed, rng.random()).shown
    elif chance < 0.42:
        x = blurred(x, rng.uniform(0.4, 1.5))
    elif chance < 0.5:
        x = KINDS["halo" if chance < 0.47 else "haze"](x, seed, rng.random()).shown
    y = x
    if rng.random() < 0.6:
        for _ in range(1 if rng.random() < 0.85 else 2):
            y = covered(y, rng)
    off = (y - x).abs().amax(1, keepdim=True)
    if rng.random() < 0.3:
        y = y + log_uniform(rng, 1, 14) / 255 * normal(y, seed + 1, rng.choice((1, 3)))
    y = eight_bit(y)
    if rng.random() < 0.25:
        y = JPEG(quality=(rng.randint(50, 96),), subsampling=rng.choice(("4:2:0", "4:4:4"))).degrade(y)
    return y, (off > SEEN).float(), ((off <= HIDDEN) | (off > SEEN)).float()


def normalised(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    """A convolution for training."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs, momentum=0.05))


def folded(network: OverlayNetwork) -> dict[str, Tensor]:
    """The weights without the normalisation."""
    plain = OverlayNetwork()
    for name, part in network.eval().named_children():
        setattr(plain, name, fuse_conv_bn_eval(*part) if isinstance(part, nn.Sequential) else part)
    return {name: value.detach().half().contiguous() for name, value in plain.state_dict().items()}


def fitted(photos: list[Tensor], minutes: float, start: Path | None, keep: Callable[[OverlayNetwork], None]) -> None:
    """Train for ``minutes``: the rate is constant for half of them, then falls to 0."""
    torch.manual_seed(0)
    rng, network = random.Random(time.time()), OverlayNetwork(normalised)
    assert network.told.bias is not None
    nn.init.constant_(network.told.bias, -3.0)  # most of a picture is not covered
    if start:
        network.load_state_dict(torch.load(start))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-3, betas=(0.9, 0.99))
    began, step, mean = time.time(), 0, 0.0
    while (share := (time.time() - began) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * min(1, 2 * (1 - share))
        y, there, counts = (
            torch.cat(part) for part in zip(*(sample(rng.choice(photos), rng) for _ in range(BATCH)), strict=True)
        )
        cross = F.binary_cross_entropy_with_logits(
            network(y.to(memory_format=torch.channels_last)), there, reduction="none"
        )
        loss = (cross * counts).sum() / counts.sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step, mean = step + 1, mean + 0.01 * (loss.item() - mean)
        if step % 200 == 0:
            print(f"step {step}, loss {mean / (1 - 0.99**step):.4f}", flush=True)
            keep(network)
    keep(network)


def report(photos: list[Tensor]) -> None:
    """How often something is found over pictures kept out, and how much of what is there, by kind."""
    for kind in (*PLAIN, *(KINDS[name] for name in REPORTED)):
        found, seen = 0, []
        for seed, photo in enumerate(photos):
            made = kind(photo[..., :256, :256].float() / 255, seed)
            if finding := find_overlay(made.shown):
                found += 1
                if made.lost is not None:
                    seen.append((finding.lost & made.lost).sum() / torch.tensor([made.lost.sum(), finding.lost.sum()]))
        share = (
            ", {:.0%} of what is lost, {:.0%} of it rightly".format(*torch.stack(seen).mean(0).tolist()) if seen else ""
        )
        print(f"{kind.name}: found in {found} of {len(photos)}{share}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--minutes", type=float, default=60, help="0: report only")
    parser.add_argument("--from", dest="start", type=Path, help="go on from this checkpoint")
    parser.add_argument("--checkpoint", type=Path, default=Path("overlay.pt"))
    parser.add_argument("--hold-out", type=int, default=40, help="every n-th photograph is kept out")
    args = parser.parse_args()
    fit, kept = shared_out(args.photos, args.hold_out)

    def keep(network: OverlayNetwork) -> None:
        file = io.BytesIO()
        torch.save(network.state_dict(), file)
        write_atomically(args.checkpoint, file.getvalue())

    if args.minutes:
        fitted([pixels(path) for path in fit], args.minutes, args.start, keep)
        network = OverlayNetwork(normalised)
        network.load_state_dict(torch.load(args.checkpoint))
        save_file(folded(network), WEIGHTS)
    report([pixels(path) for path in kept])


def pixels(path: Path, side: int = 420) -> Tensor:
    """A photograph (1, 3, H, W) of 8 bits, no larger than ``side`` at its shorter side."""
    x = Picture.open(path).pixels
    scale = min(1.0, side / min(x.shape[-2:]))
    x = F.interpolate(x, scale_factor=scale, mode="bicubic", antialias=True) if scale < 1 else x
    return (x.clamp(0, 1) * 255).round().byte()


if __name__ == "__main__":
    main()
