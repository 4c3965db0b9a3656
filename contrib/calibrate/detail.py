"""What ``detail`` does, family by family: PSNR, LPIPS and sharpness from its faithful end to its crisp one.

    python contrib/calibrate/detail.py PHOTOS --every 40

Crops of 160 x 160 of smaller copies (0.6), where the photographs' own compression is gone. Sharpness is the standard
deviation of the Laplacian over that of the photograph.
"""

import argparse
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from check import diagnosis_of
from dreamclean_bench.metrics import lpips, psnr
from dreamclean_bench.tasks import find_task, shown
from photographs import shared_out
from torch import Tensor

from dreamclean import JPEG, Picture, Restorer
from dreamclean.builtin.planners.diagnosis.damage import blurred
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit
from dreamclean.builtin.planners.diagnosis.treatment import treatment

SIDE, SCALE = 160, 0.6
TASKS = ("denoise", "correlated", "sr4-noisy", "jpeg-10", "jpeg-cascade")
DETAILS = (0, 0.25, 0.5, 0.75, 1)
_LAPLACE = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])[None, None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--prior", help="name:key=value,...; the default prior unless said")
    parser.add_argument("--every", type=int, default=1, help="every N-th photograph, the last of each N")
    parser.add_argument("--limit", type=int, default=6, help="the first so many of those that are large enough")
    parser.add_argument("--whole", action="store_true", help="the centre 256 x 256 as it is, not a smaller copy")
    options = parser.parse_args()
    clean = crops(options.photos, options.every, options.limit, options.whole)
    restorer = Restorer(options.prior, planner="auto")
    for task in TASKS:
        damaged = [eight_bit(damage(task, image, number)) for number, image in enumerate(clean)]
        report(task, "input", damaged, clean)
        found = [diagnosis_of(restorer, image) for image in damaged]
        for detail in DETAILS:
            recipes = [treatment(diagnosis, restorer.model.schedule, detail) for diagnosis in found]
            results = [
                eight_bit(Restorer(restorer.prior, model=restorer.model, **recipe)(image, seed=0).image)
                if recipe
                else image
                for recipe, image in zip(recipes, damaged, strict=True)
            ]
            report(task, f"detail {detail}", results, clean)


def crops(folder: Path, every: int, limit: int, whole: bool) -> list[Tensor]:
    rng, found = random.Random(11), []
    for path in shared_out(folder, every)[1]:
        pixels, side = Picture.open(path).pixels, 256 if whole else SIDE
        if not whole:
            scale = max(SCALE, SIDE / min(pixels.shape[-2:]))
            if scale > 0.9:
                continue
            pixels = F.interpolate(pixels, scale_factor=scale, mode="bicubic", antialias=True).clamp(0, 1)
        top, left = ((n - side) // 2 if whole else rng.randint(0, n - side) for n in pixels.shape[-2:])
        found.append(eight_bit(pixels[..., top : top + side, left : left + side]))
    return found[:limit]


def damage(task: str, clean: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if task == "correlated":
        noise = blurred(torch.randn(clean.shape, generator=generator), 0.7)
        return JPEG(quality=(90,)).degrade((clean + 10 / 255 * noise / noise.std()).clamp(0, 1))
    known = find_task(task)
    assert known.operator
    return shown(known, known.operator.measure(clean, generator), clean.shape)


def sharpness(image: Tensor) -> float:
    return float(F.conv2d(image.mean(1, keepdim=True), _LAPLACE).std())


def report(task: str, how: str, results: list[Tensor], clean: list[Tensor]) -> None:
    pairs = list(zip(results, clean, strict=True))
    means = [
        sum(values) / len(pairs)
        for values in (
            [psnr(a, b) for a, b in pairs],
            [lpips(a, b) for a, b in pairs],
            [sharpness(a) / sharpness(b) for a, b in pairs],
        )
    ]
    print(f"{task:14}{how:14}{means[0]:7.2f} dB{means[1]:8.4f}{means[2]:8.3f}", flush=True)


if __name__ == "__main__":
    main()
