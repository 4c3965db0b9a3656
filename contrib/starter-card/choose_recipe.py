"""A small grid over recipes on held-out training photographs (never on the test pictures).

    python choose_recipe.py PHOTOS [--known]

Prints PSNR and LPIPS of each recipe, minus those of the input, mean over the crops and by task. Needs
dreamclean-bench.
"""

import argparse
from itertools import product
from pathlib import Path
from statistics import mean

import torch
from dreamclean_bench.metrics import metrics
from dreamclean_bench.runner import crop
from dreamclean_bench.suites import find_suite
from dreamclean_bench.tasks import find_task, shown
from PIL import Image

from dreamclean import Restorer
from dreamclean.host.host import host

BLIND_TASKS = ("sr4-noisy", "jpeg-cascade", "denoise")


def numbers(text: str) -> list[float]:
    return [float(value) for value in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description="Choose the starter prior's recipes.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--prior", help="the default prior, if not said")
    parser.add_argument("--every", type=int, default=40, help="the training's --hold-out: every n-th photograph")
    parser.add_argument("--limit", type=int, default=6)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--known", action="store_true", help="recipes for a known operator")
    parser.add_argument("--tasks", type=lambda s: s.split(","))
    parser.add_argument("--initializer")
    parser.add_argument("--strengths", type=numbers, default=[40, 60, 80, 100])
    parser.add_argument("--steps", type=numbers, default=[4, 8])
    parser.add_argument("--gammas", type=numbers, default=[0, 0.1, 0.3])
    parser.add_argument("--spacings", nargs="+", default=["uniform"], help="of the levels, as name:key=value")
    parser.add_argument("--samplers", nargs="+", help="as name:key=value; the prior's own, if not said")
    parser.add_argument("--settings", default="fused=true", help="further settings of VPS, e.g. projected=false")
    args = parser.parse_args()
    names = args.tasks or (find_suite("restoration").tasks if args.known else BLIND_TASKS)
    initializer = args.initializer or ("forward-noising" if args.known else "matched-level")
    prior = host().make("prior", args.prior) if args.prior else host().default_prior()
    photos = sorted(path for path in args.photos.rglob("*") if path.suffix.lower() in Image.registered_extensions())
    images = [crop(path, args.size) for path in photos[args.every - 1 :: args.every][: args.limit]]
    print("strength steps gamma spacing sampler | " + " | ".join(f"{name} dPSNR dLPIPS" for name in names), flush=True)
    samplers = args.samplers or [None]
    for strength, steps, gamma, spacing, sampler in product(
        args.strengths, args.steps, args.gammas, args.spacings, samplers
    ):
        row = []
        for task in map(find_task, names):
            assert task.operator is not None
            restorer = Restorer(
                prior,
                operator=task.operator if args.known else None,
                initializer=initializer,
                corrector=f"vps:gamma={gamma},{args.settings}" if gamma else "none",
                strength=strength,
                steps=int(steps),
                spacing=spacing,
                sampler=sampler,
            )
            gains = []
            for number, image in enumerate(images):
                y = task.operator.measure(image, torch.Generator().manual_seed(number))
                view = shown(task, y, image.shape)
                before, after = metrics(view, image), metrics(restorer(y if args.known else view).image, image)
                gains.append((after["psnr"] - before["psnr"], after["lpips"] - before["lpips"]))
            row.append(f"{mean(g[0] for g in gains):+.2f} {mean(g[1] for g in gains):+.3f}")
        print(f"{strength:8g} {steps:5g} {gamma:5g} {spacing} {sampler or ''} | " + " | ".join(row), flush=True)


if __name__ == "__main__":
    main()
