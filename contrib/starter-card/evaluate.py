"""Measure the starter prior: one-step denoising beside BM3D, and restoration, blind and known.

    python evaluate.py KODAK24 --lpips lpips_alex_fp16.safetensors --out results.jsonl

Every cell (image, task, method) is one line of the output; cells that are there are not computed again,
so the run can be stopped and started. At the end the tables are printed in Markdown. Needs
``pip install bm3d torchmetrics`` besides DreamClean.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev

import torch
from lpips import LPIPS
from tasks import TASKS, crops, measure, psnr, shown, ssim
from torch import Tensor

from dreamclean import LinearOperator, Prior, Restorer
from dreamclean.plugins import host

SIGMAS = (10, 25, 50, 100)
BLIND = ("sr4-noisy", "jpeg-cascade", "denoise-25", "deblur-uniform", "deblur-gauss")

Method = Callable[[], tuple[Tensor, int]]


def one_step(prior: Prior, noisy: Tensor, sigma: int) -> Tensor:
    """The posterior's mean at the level whose noise-to-signal ratio is that of ``noisy``."""
    level = prior.schedule.at(prior.schedule.timestep(2 * sigma / 255))
    with torch.no_grad():
        return prior.decode(prior.predict(level.a * prior.encode(noisy), level).x0).clamp(0, 1)


def bm3d(noisy: Tensor, sigma: int) -> Tensor:
    from bm3d import bm3d_rgb

    result = bm3d_rgb(noisy[0].permute(1, 2, 0).double().numpy(), sigma / 255)
    return torch.from_numpy(result).permute(2, 0, 1)[None].float().clamp(0, 1)


def denoising(prior: Prior | None, image: Tensor, number: int) -> dict[tuple[str, str], Method]:
    cells: dict[tuple[str, str], Method] = {}
    for sigma in SIGMAS:
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(number))
        noisy = image + sigma / 255 * noise
        task = f"sigma-{sigma}"
        cells[task, "input"] = lambda y=noisy: (y.clamp(0, 1), 0)
        cells[task, "bm3d"] = lambda y=noisy, s=sigma: (bm3d(y, s), 0)
        if prior:
            cells[task, "one-step"] = lambda y=noisy, s=sigma: (one_step(prior, y, s), 1)
    return cells


def restoration(image: Tensor, number: int) -> dict[tuple[str, str], Method]:
    cells: dict[tuple[str, str], Method] = {}
    for task, operator in TASKS.items():
        y = measure(operator, image, number)
        cells[task, "input"] = lambda y=y: (shown(y, image.shape), 0)
        if isinstance(operator, LinearOperator):
            cells[task, "pseudo-inverse"] = lambda y=y, a=operator: (a.pseudo_inverse(y).clamp(0, 1), 0)
        if task in BLIND:
            cells[task, "blind"] = lambda y=y: run(Restorer(), shown(y, image.shape))
        cells[task, "known"] = lambda y=y, a=operator: run(Restorer(operator=a), y)
    return cells


def run(restorer: Restorer, y: Tensor) -> tuple[Tensor, int]:
    result = restorer(y)
    return result.image, result.nfe


def tables(lines: list[dict[str, object]]) -> str:
    """Means over the images, with the standard error of the PSNR."""
    groups: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for line in lines:
        groups[str(line["task"]), str(line["method"])].append(line)  # type: ignore[arg-type]
    text = ["| task | method | PSNR | SSIM | LPIPS | NFE | images |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for (task, method), cells in groups.items():
        error = stdev(c["psnr"] for c in cells) / len(cells) ** 0.5 if len(cells) > 1 else 0.0
        means = {key: mean(c[key] for c in cells) for key in ("psnr", "ssim", "lpips", "nfe")}
        text.append(
            f"| {task} | {method} | {means['psnr']:.2f} ± {error:.2f} | {means['ssim']:.3f} | {means['lpips']:.3f} "
            f"| {means['nfe']:.0f} | {len(cells)} |"
        )
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the starter prior.")
    parser.add_argument("images", type=Path)
    parser.add_argument("--lpips", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--only", choices=["bm3d", "all"], default="all", help="bm3d: what needs no prior")
    args = parser.parse_args()
    lines = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    done = {(line["image"], line["task"], line["method"]) for line in lines}
    distance, prior = LPIPS(args.lpips), None
    if args.only == "all":
        prior = host().default_prior()
    with args.out.open("a") as store:
        for number, (name, image) in enumerate(crops(args.images, limit=args.limit)):
            cells = denoising(prior, image, number)
            if prior:
                cells |= restoration(image, number)
            for (task, method), compute in cells.items():
                if (name, task, method) in done:
                    continue
                began = time.perf_counter()
                result, nfe = compute()
                line = {
                    "image": name,
                    "task": task,
                    "method": method,
                    "psnr": psnr(result, image),
                    "ssim": ssim(result, image),
                    "lpips": float(distance(result, image)),
                    "nfe": nfe,
                    "seconds": round(time.perf_counter() - began, 3),
                }
                lines.append(line)
                store.write(json.dumps(line) + "\n")
                store.flush()
    print(tables(lines))


if __name__ == "__main__":
    main()
