"""Does a map of levels pay where damage is uneven? Poisson noise, whose strength follows the brightness.

    python contrib/calibrate/uneven.py PHOTOS

The same eight crops as ``recipes.py``. One level for the picture (its mean noise), against the results of five
levels blended pixel by pixel by the true local noise: the most that a map could gain in this way.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from recipes import crops, report, run

from dreamclean import DPMSolver, Identity
from dreamclean.device import pick_dtype
from dreamclean.plugins import host

SHARES = (0.6, 0.8, 1.0, 1.25, 1.5)


def main(photos: Path) -> None:
    prior = host().default_prior()
    prior.prepare(torch.device("cpu"), pick_dtype(None, torch.device("cpu")))
    clean = crops(photos)
    for rate in (0.1, 0.3, 1.0):
        noisy = Identity(poisson=rate).measure(clean, torch.Generator().manual_seed(3))
        damaged = (noisy.clamp(0, 1) * 255).round() / 255
        smooth = F.avg_pool2d(F.pad(clean, (4, 4, 4, 4), mode="reflect"), 9, stride=1)
        std = (smooth.mean(1, keepdim=True).clamp(min=1 / 255) / (255 * rate)).sqrt()
        mean = float(std.square().mean().sqrt())
        levels = [0.95 * 2 * mean * share for share in SHARES]
        results = torch.stack([run(prior, damaged, level, 8, 0.0, DPMSolver()) for level in levels])
        place = torch.stack([std / mean - share for share in SHARES]).abs()
        blended = (results * torch.softmax(-20 * place, 0)).sum(0)
        report(f"rate {rate:g}", "input", damaged, damaged, clean)
        report(f"rate {rate:g}", "one level", results[SHARES.index(1.0)], damaged, clean)
        report(f"rate {rate:g}", "five levels, blended by the true local noise", blended, damaged, clean)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
