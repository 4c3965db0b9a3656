"""How much noise to keep where pixels are missing: soft-ddrm's eta by the shape of what is lost.

    python contrib/calibrate/masks.py HELD_OUT_PHOTOS --every 5 --noise 0.05 --etas 0.93 0.96 0.98 1

Six centre crops of 160 x 160, told the operator. Prints PSNR and LPIPS, means over the crops. What ``Inpaint.least_eta`` rests on.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from dreamclean_bench.metrics import lpips, psnr
from dreamclean_bench.runner import crop
from photographs import photographs
from torch import Tensor

from dreamclean import Inpaint, Restorer

SIDE, COUNT = 160, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--noise", type=float, default=0.05)
    parser.add_argument("--etas", type=float, nargs="+", default=[0.93, 0.96, 0.98, 1.0])
    options = parser.parse_args()
    clean = [crop(path, SIDE) for path in photographs(options.photos)[:: options.every][:COUNT]]
    print("| lost | share |", " | ".join(f"{eta:g}" for eta in options.etas), "|")
    for name, known in masks():
        operator = Inpaint.of(known, noise=options.noise)
        cells = [scores(operator, eta, clean) for eta in options.etas]
        print(f"| {name} | {1 - known.float().mean():.2f} |", " | ".join(cells), "|", flush=True)


def scores(operator: Inpaint, eta: float, clean: list[Tensor]) -> str:
    restorer, rows = Restorer(operator=operator, sampler=f"soft-ddrm:eta={eta:g}", device="cpu"), []
    for number, image in enumerate(clean):
        y = operator.measure(image, torch.Generator().manual_seed(number))
        made = restorer(y, seed=0).image
        rows.append((psnr(made, image), float(lpips(made, image))))
    return "{:.2f} / {:.4f}".format(*torch.tensor(rows).mean(0).tolist())


def masks() -> Iterator[tuple[str, Tensor]]:
    """What is lost and the mask (SIDE, SIDE), true where pixels are known."""
    generator = torch.Generator().manual_seed(3)
    for share in (0.5, 0.7, 0.9):
        yield f"{share:.0%} of the pixels", torch.rand(SIDE, SIDE, generator=generator) >= share
    for width, count in ((3, 10), (7, 8)):
        yield f"{count} lines, {width} wide", lines(width, count, generator)
    for side, count in ((40, 4), (4, 150)):
        yield f"{count} squares of {side}", squares(side, count, generator)


def lines(width: int, count: int, generator: torch.Generator) -> Tensor:
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    known = torch.ones(SIDE, SIDE, dtype=torch.bool)
    for _ in range(count):
        angle = math.pi * float(torch.rand((), generator=generator))
        at, down = SIDE * torch.rand(2, generator=generator)
        known &= ((x - at) * math.sin(angle) + (y - down) * math.cos(angle)).abs() > width / 2
    return known


def squares(side: int, count: int, generator: torch.Generator) -> Tensor:
    known = torch.ones(SIDE, SIDE, dtype=torch.bool)
    for y, x in torch.randint(0, SIDE - side, (count, 2), generator=generator).tolist():
        known[y : y + side, x : x + side] = False
    return known


if __name__ == "__main__":
    main()
