"""What the defaults of a treatment rest on: a grid of recipes, and of blind consistency, on photographs.

    python contrib/calibrate/recipes.py PHOTOS              # strengths, steps, samplers, VPS's gamma
    python contrib/calibrate/recipes.py PHOTOS --drawn      # noise drawn anew: VPS's gamma, the sampler's eta, both
    python contrib/calibrate/recipes.py PHOTOS --consistent # low frequencies kept, as a known operator would

Eight crops of 160 x 160, from photographs made smaller by 0.8. Prints PSNR and LPIPS, means over the crops, and
the least gain in PSNR of any crop.
"""

import argparse
import random
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from dreamclean_bench.metrics import lpips
from dreamclean_bench.tasks import find_task, shown
from photographs import photographs
from torch import Tensor

from dreamclean import (
    DDIM,
    JPEG,
    VPS,
    Corrector,
    Downsample,
    DPMSolver,
    MatchedLevel,
    Model,
    NoCorrector,
    Picture,
    Sampler,
    Uniform,
)
from dreamclean.builtin.guidance.projection import Projection
from dreamclean.builtin.planners.diagnosis.damage import blurred
from dreamclean.host.host import host
from dreamclean.method.device import pick_dtype
from dreamclean.method.evaluator import Evaluator
from dreamclean.method.loaded import load
from dreamclean.method.loop import resample
from dreamclean.method.noise import seeded_noise

SIDE, COUNT = 160, 8
RATIOS = {
    "denoise": (0.16, 0.2, 0.25),
    "denoise-50": (0.32, 0.4, 0.5),
    "poisson": (0.07, 0.1, 0.14),
    "sr4-noisy": (0.14, 0.2, 0.28, 0.4),
    "jpeg-10": (0.1, 0.14, 0.2),
    "jpeg-cascade": (0.1, 0.16),
}
WAYS = [(1, 0.0, DDIM()), *((n, 0.0, DPMSolver()) for n in (2, 4, 6, 8)), (4, 0.0, DDIM())]
WAYS += [(8, gamma, sampler) for gamma in (0.1, 0.2, 0.4, 0.6) for sampler in (DDIM(), DPMSolver())]
KEPT = {"jpeg-10": 0.1, "jpeg-cascade": 0.08, "sr4-noisy": 0.2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--drawn", action="store_true", help="compare ways to draw noise anew")
    parser.add_argument("--consistent", action="store_true", help="compare with and without low frequencies kept")
    options = parser.parse_args()
    cpu = torch.device("cpu")
    model = load(host().default_prior(), cpu, pick_dtype(None, cpu))
    clean = crops(options.photos)
    if options.drawn:
        drawn(model, clean)
        return
    for task, ratios in RATIOS.items():
        damaged = measured(task, clean)
        report(task, "input", damaged, damaged, clean)
        if not options.consistent:
            for ratio in ratios:
                for steps, gamma, sampler in WAYS:
                    result = run(model, damaged, ratio, steps, gamma, sampler)
                    report(task, f"nsr:{ratio} steps={steps} gamma={gamma} {sampler.name}", result, damaged, clean)
        elif task in KEPT:
            for factor, noise in ((0, 0.0), (8, 0.0), (8, 0.01), (4, 0.01), (4, 0.03)):
                kept = Downsample(factor=factor, noise=noise) if factor else None
                result = run(model, damaged, KEPT[task], 8, 0.4, DPMSolver(), kept)
                report(task, f"means of {factor} x {factor} kept, noise {noise}", result, damaged, clean)


def drawn(model: Model, clean: Tensor) -> None:
    """Each level's gamma and eta, for damage of the bench and for noise that was smoothed and compressed."""
    noise = blurred(torch.randn(clean.shape, generator=torch.Generator().manual_seed(3)), 0.7)
    noisy = JPEG(quality=(90,)).degrade((clean + 10 / 255 * noise / noise.std()).clamp(0, 1))
    cases = {"correlated": (noisy, 0.11), **{task: (measured(task, clean), ratio) for task, ratio in KEPT.items()}}
    for name, (damaged, ratio) in cases.items():
        report(name, "input", damaged, damaged, clean)
        for gamma in (0.0, 0.25, 0.4, 0.6):
            for eta in (0.0, 0.5, 1.0):
                result = run(model, damaged, ratio, 8, gamma, DPMSolver(eta=eta))
                report(name, f"gamma {gamma}, eta {eta}", result, damaged, clean)


def crops(folder: Path) -> Tensor:
    random.seed(5)
    files = photographs(folder)
    found: list[Tensor] = []
    for _ in range(100 * COUNT):
        pixels = Picture.open(random.choice(files)).pixels
        pixels = F.interpolate(pixels, scale_factor=0.8, mode="bicubic", antialias=True).clamp(0, 1)
        if min(pixels.shape[-2:]) >= SIDE:
            top, left = (random.randint(0, side - SIDE) for side in pixels.shape[-2:])
            found.append(pixels[..., top : top + SIDE, left : left + SIDE])
        if len(found) == COUNT:
            return torch.cat(found)
    raise SystemExit(f"of the photographs in {folder} too few are {SIDE / 0.8:.0f} x {SIDE / 0.8:.0f} pixels or more")


def measured(name: str, clean: Tensor) -> Tensor:
    task, generator = find_task(name), torch.Generator().manual_seed(3)
    assert task.operator
    pictures = [shown(task, task.operator.measure(x[None], generator), x[None].shape) for x in clean]
    return (torch.cat(pictures) * 255).round() / 255


@torch.no_grad()
def run(
    model: Model, y: Tensor, ratio: float, steps: int, gamma: float, sampler: Sampler, kept: Downsample | None = None
) -> Tensor:
    """A matched start at ``ratio``; ``kept``: the operator whose measurement of y is held on to."""
    corrector: Corrector = VPS(gamma=gamma, fused=True) if gamma else NoCorrector()
    evaluator = Evaluator(model, Projection(), kept, kept.degrade(y)) if kept else Evaluator(model)
    levels = model.schedule.ladder(f"nsr:{ratio}", steps, Uniform())
    parts: tuple[Any, ...] = (MatchedLevel(), corrector, sampler, seeded_noise(range(len(y))))
    *_, last = resample(model.codec.encode(y), levels, levels[-2::-1], evaluator.denoise, *parts)
    return (model.codec.decode(last.x).clamp(0, 1) * 255).round() / 255


def report(task: str, how: str, result: Tensor, damaged: Tensor, clean: Tensor) -> None:
    gained, before = (-10 * (x - clean).square().mean((1, 2, 3)).log10() for x in (result, damaged))
    distance = sum(lpips(a[None], b[None]) for a, b in zip(result, clean, strict=True)) / len(clean)
    least = float((gained - before).min())
    print(f"{task:14}{how:46}{float(gained.mean()):7.2f} dB{distance:8.4f}{least:+7.2f}", flush=True)


if __name__ == "__main__":
    main()
