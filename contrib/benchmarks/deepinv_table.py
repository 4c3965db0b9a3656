"""DreamClean beside deepinv's DDRM and DiffPIR: one physics, one measurement and one denoiser for all of them.

    python contrib/benchmarks/deepinv_table.py --images KODAK24 [--out docs/bench/deepinv]

Needs the environment of ``make test-deepinv``, see plugins/dreamclean-deepinv/README.md. Writes report.md and cells.csv.
"""

import argparse
import csv
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "rivals"))
import cpu_torchvision  # noqa: F401, before deepinv
import deepinv
import deepinv.physics as dp
import numpy as np
import torch
from deepinv.physics.functional import gaussian_blur
from dreamclean_bench.metrics import metrics
from dreamclean_deepinv import DreamClean, PriorDenoiser
from torch import Tensor

from dreamclean import Picture

NOISE = 0.05
BLIND = "DreamClean, blind"
PACKAGES = ("dreamclean", "dreamclean-starter", "deepinv", "torch")
HEAD = """# DreamClean beside deepinv's DDRM and DiffPIR

Made with

```text
{command}
```

in the environment of `make test-deepinv` ([dreamclean-deepinv](../../../plugins/dreamclean-deepinv/README.md)). Versions:
{versions}, Python {python}.

Every row restores the same measurements of {count} pictures (the middle {size} x {size} pixels of {names}) with the same
physics of deepinv, Gaussian noise of standard deviation {noise} on the [0, 1] scale, and the starter prior as the
denoiser. DreamClean's known mode is `DreamClean("starter")` as it comes. deepinv's methods are as they come too, but for the
number of levels, and the noise that DiffPIR is told. Figures are means over the pictures; seed 0.

{tables}
- *DreamClean, blind*, `DreamClean("starter", blind=True)`, is told nothing: it finds the noise and starts at its level, as
  the known mode does where nothing but noise is wrong.
- *Evaluations* are those of the denoiser, counted at its boundary.
- The {size} x {size} pictures are too small, and too few, to rank methods by a tenth of a decibel. Every cell is in
  [cells.csv](cells.csv). What differs in the methods' formulas is in [the comparison step by step](../rivals/report.md).
"""


class Cell(NamedTuple):
    """One restoration."""

    task: str
    method: str
    image: str
    psnr: float
    lpips: float
    evaluations: int
    seconds: float


def tasks(size: int) -> dict[str, Any]:
    """Decomposable physics over (3, size, size), which DDRM needs."""
    shape, noise = (3, size, size), dp.GaussianNoise(NOISE)
    generator = torch.Generator().manual_seed(0)
    return {
        "denoising": dp.Denoising(noise),
        "inpainting, half of the pixels": dp.Inpainting(shape, mask=0.5, noise_model=noise, rng=generator),
        "blur, std 1.5": dp.BlurFFT(shape, filter=gaussian_blur(sigma=(1.5, 1.5)), noise_model=noise),
        "single-pixel camera, a quarter of the measurements": dp.SinglePixelCamera(
            m=size * size // 4, img_size=shape, fast=True, noise_model=noise, rng=generator
        ),
    }


class Counted(PriorDenoiser):
    """A prior as a denoiser that counts how often it is asked."""

    count = 0

    def forward(self, x: Tensor, sigma: Any, **kwargs: Any) -> Tensor:
        self.count += 1
        return super().forward(x, sigma, **kwargs)


Restore = Callable[[Tensor, Any], tuple[Tensor, int]]
"""From a measurement and its physics to a picture and the number of evaluations."""


def methods() -> dict[str, Restore]:
    denoiser = Counted("starter")

    def ours(model: DreamClean) -> Restore:
        def run(y: Tensor, physics: Any) -> tuple[Tensor, int]:
            made = model.restore(y, physics)
            return made.image, made.nfe

        return run

    def theirs(model: torch.nn.Module) -> Restore:
        def run(y: Tensor, physics: Any) -> tuple[Tensor, int]:
            denoiser.count = 0
            return model(y, physics), denoiser.count

        return run

    def ddrm(levels: int) -> Restore:
        return theirs(deepinv.sampling.DDRM(denoiser, sigmas=np.linspace(1, 0, levels)))

    def diffpir(levels: int) -> Restore:
        return theirs(deepinv.sampling.DiffPIR(denoiser, deepinv.optim.L2(), sigma=NOISE, max_iter=levels))

    return {
        "pseudo-inverse": lambda y, physics: (physics.A_dagger(y), 0),
        "DreamClean": ours(DreamClean("starter")),
        BLIND: ours(DreamClean("starter", blind=True)),
        "DDRM, 20 levels": ddrm(20),
        "DDRM, 100 levels": ddrm(100),
        "DiffPIR, 20 levels": diffpir(20),
        "DiffPIR, 100 levels": diffpir(100),
    }


def pictures(folder: Path, limit: int, size: int) -> Iterator[tuple[str, Tensor]]:
    """Names, and the middle (1, 3, size, size) of each picture."""
    for path in sorted(folder.glob("*.png"))[:limit]:
        pixels = Picture.open(path).pixels
        top, left = ((side - size) // 2 for side in pixels.shape[2:])
        yield path.name, pixels[..., top : top + size, left : left + size]


def cells(folder: Path, limit: int, size: int) -> Iterator[Cell]:
    ways = methods()
    for task, physics in tasks(size).items():
        for name, truth in pictures(folder, limit, size):
            torch.manual_seed(0)
            y = physics(truth)
            for method, restore in ways.items():
                if method == BLIND and not isinstance(physics, dp.Denoising):
                    continue  # a measurement that is no picture
                torch.manual_seed(0)
                began = time.perf_counter()
                image, count = restore(y, physics)
                measured = metrics(image.clamp(0, 1), truth)
                seconds = time.perf_counter() - began
                yield Cell(task, method, name, measured["psnr"], measured["lpips"], count, seconds)


def tables(done: Sequence[Cell]) -> Iterator[str]:
    """A table for each task."""
    for task, of_task in groupby(done, key=lambda cell: cell.task):
        yield f"## {task.capitalize()}\n\n| method | evaluations | PSNR, dB | LPIPS |\n| --- | --- | --- | --- |"
        rows: dict[str, list[Cell]] = {}
        for cell in of_task:
            rows.setdefault(cell.method, []).append(cell)
        for method, row in rows.items():
            psnr, lpips = mean(c.psnr for c in row), mean(c.lpips for c in row)
            yield f"| {method} | {row[0].evaluations} | {psnr:.2f} | {lpips:.3f} |"
        yield ""


def main() -> None:
    parser = argparse.ArgumentParser(description="DreamClean beside deepinv's DDRM and DiffPIR.")
    parser.add_argument("--images", type=Path, required=True, help="a folder of PNG pictures")
    parser.add_argument("--out", type=Path, default=Path("docs/bench/deepinv"))
    parser.add_argument("--limit", type=int, default=2, help="pictures")
    parser.add_argument("--size", type=int, default=128, help="side of the crops")
    args = parser.parse_args()
    done = []
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "cells.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(name for name in Cell._fields if name != "seconds")
        for cell in cells(args.images, args.limit, args.size):
            done.append(cell)
            print(*(f"{value:.3f}" if isinstance(value, float) else value for value in cell), sep="  ", flush=True)
            writer.writerow((*cell[:3], f"{cell.psnr:.3f}", f"{cell.lpips:.4f}", cell.evaluations))
            file.flush()
    said = dict(
        command=f"python contrib/benchmarks/deepinv_table.py --images KODAK24 --limit {args.limit} --size {args.size}",
        versions=", ".join(f"{name} {version(name)}" for name in PACKAGES),
        python=platform.python_version(),
        names=", ".join(dict.fromkeys(cell.image for cell in done)),
    )
    text = HEAD.format(**said, size=args.size, noise=NOISE, count=args.limit, tables="\n".join(tables(done)))
    (args.out / "report.md").write_text(text)


if __name__ == "__main__":
    main()
