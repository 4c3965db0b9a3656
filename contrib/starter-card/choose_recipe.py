"""A small grid over recipes on held-out training photographs (never on the test pictures).

    python choose_recipe.py PHOTOS --lpips lpips_alex_fp16.safetensors [--known]

Prints PSNR and LPIPS of each recipe, minus those of the input, mean over the crops and by task.
"""

import argparse
from itertools import product
from pathlib import Path
from statistics import mean

from lpips import LPIPS
from tasks import TASKS, crops, measure, psnr, shown

from dreamclean import Restorer

BLIND_TASKS = ("sr4-noisy", "jpeg-cascade", "denoise-25")


def main() -> None:
    parser = argparse.ArgumentParser(description="Choose the starter prior's recipes.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--lpips", type=Path, required=True)
    parser.add_argument("--every", type=int, default=40, help="the training's --hold-out: every n-th photograph")
    parser.add_argument("--limit", type=int, default=4)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--known", action="store_true", help="recipes for a known operator")
    parser.add_argument("--tasks", type=lambda s: s.split(","))
    parser.add_argument("--initializer", default=None)
    parser.add_argument("--strengths", type=lambda s: [float(v) for v in s.split(",")], default=[40, 60, 80, 100])
    parser.add_argument("--steps", type=lambda s: [int(v) for v in s.split(",")], default=[4, 8])
    parser.add_argument("--gammas", type=lambda s: [float(v) for v in s.split(",")], default=[0, 0.1, 0.3])
    parser.add_argument("--settings", default="fused=true", help="further settings of VPS, e.g. projected=false")
    args = parser.parse_args()
    distance = LPIPS(args.lpips)
    names = args.tasks or (list(TASKS) if args.known else list(BLIND_TASKS))
    initializer = args.initializer or ("forward-noising" if args.known else "matched-level")
    images = [image for _, image in crops(args.photos, args.size, args.every, args.limit)]
    print("strength steps gamma | " + " | ".join(f"{name} dPSNR dLPIPS" for name in names), flush=True)
    for strength, steps, gamma in product(args.strengths, args.steps, args.gammas):
        corrector = f"vps:gamma={gamma},{args.settings}" if gamma else "none"
        row = []
        for name in names:
            operator, gains = TASKS[name], []
            restorer = Restorer(
                operator=operator if args.known else None,
                initializer=initializer,
                corrector=corrector,
                strength=strength,
                steps=steps,
            )
            for number, image in enumerate(images):
                y = measure(operator, image, number)
                before, after = shown(y, image.shape), restorer(y if args.known else shown(y, image.shape)).image
                gain = psnr(after, image) - psnr(before, image)
                gains.append((gain, float(distance(after, image) - distance(before, image))))
            row.append(f"{mean(g[0] for g in gains):+.2f} {mean(g[1] for g in gains):+.3f}")
        print(f"{strength:8g} {steps:5} {gamma:5g} | " + " | ".join(row), flush=True)


if __name__ == "__main__":
    main()
