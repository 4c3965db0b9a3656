"""Carry a prior's calibration over to new weights of the same network, with a few hundred samples in the place of thousands.

    python contrib/calibrate/transfer.py PHOTOS --old FOLDER --new FOLDER --out calibration.json [--minutes 12] [--every 40]

``--old`` is a diffusers folder with its calibration.json, ``--new`` one with the new weights. Both are asked about the same
damaged crops, which gives each feature's straight line from new to old, and so the old rules on new features. The rules
for the family and for white noise are then fitted to the new features, drawn towards those. Every second crop is of a
photograph that training left out (``--every``). The rules for the best level stay.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import torch
import torch.nn.functional as F
from photographs import photographs
from torch import Tensor

from dreamclean import Restorer
from dreamclean.builtin.planners.diagnosis.answers import answers, read_features
from dreamclean.builtin.planners.diagnosis.calibration import FAMILIES, Calibration, with_squares
from dreamclean.builtin.planners.diagnosis.fit import ridge, rounded
from dreamclean.builtin.planners.diagnosis.samples import CYCLE, SIDE, Sampler, crop, damaged_by
from dreamclean.pictures.picture import write_atomically

PAIRED = 3
"""Every so many samples the old weights are asked too."""
FAMILY, NOISE = 3e-3, 3e-2
"""How strongly the rules are drawn towards the old ones."""


class Sample(NamedTuple):
    """A damaged crop."""

    family: int
    noise: float
    """Standard deviation of white noise on the [0, 1] scale; 0 for other families."""
    new: Tensor
    old: Tensor | None
    """Features (levels, 16); the old ones of some."""


def collected(old: Sampler, new: Sampler, kept: list[Path], minutes: float) -> list[Sample]:
    """As many samples as there is time for."""
    began, photos, samples = time.monotonic(), new.photos, list[Sample]()
    while time.monotonic() - began < 60 * minutes:
        number = len(samples)
        rng, generator = Random(f"transfer {number}"), torch.Generator().manual_seed(number)
        family, _ = CYCLE[number % len(CYCLE)]
        new.photos = kept if number % 2 else photos
        clean = crop(new.photo(rng), new.side, rng, sharp=False)
        picture, std = damaged_by(family, clean, rng, number, generator)
        now, *before = (
            read_features(answers(picture, one.model, new.levels)) for one in (new, old)[: 1 if number % PAIRED else 2]
        )
        noise = std if family == "white noise" else 0.0
        samples.append(Sample(FAMILIES.index(family), noise, now, before[0] if before else None))
    return samples


def lines(samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
    """Slope and constant of each feature, from new to old."""
    pairs = [(one.new.flatten(), one.old.flatten()) for one in samples if one.old is not None]
    x, y = (torch.stack(features).double() for features in zip(*pairs, strict=True))
    centred = x - x.mean(0)
    slope = (centred * (y - y.mean(0))).sum(0) / centred.square().sum(0).clamp(min=1e-12)
    return slope, y.mean(0) - slope * x.mean(0)


def moved(rules: Calibration, slope: Tensor, constant: Tensor) -> Calibration:
    """``rules`` for features from which the old ones are ``slope`` times and ``constant`` more."""
    mean = (torch.tensor(rules.mean).double() - constant) / slope
    spread = torch.tensor(rules.spread).double() / slope
    return rules.model_copy(update={"mean": rounded(mean), "spread": rounded(spread)})


def refitted(rules: Calibration, samples: Sequence[Sample]) -> Calibration:
    """The rules for family and noise, between ``rules`` and the best fit of ``samples``."""
    x = torch.stack([rules.standardised(one.new) for one in samples])
    target = torch.tensor([one.family for one in samples])
    noise = torch.tensor([one.noise for one in samples]).double()
    was = torch.tensor(rules.family).double()
    row = was.clone().requires_grad_(True)
    shares = target.bincount(minlength=len(FAMILIES)).clamp(min=1).rsqrt().double()
    solver = torch.optim.LBFGS([row], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        value = F.cross_entropy(x @ row.T, target, weight=shares) + FAMILY / 2 * (row - was).square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    white = noise > 0
    wide, before = with_squares(x[white]), torch.tensor(rules.noise).double()
    left = noise[white].log() - wide @ before
    family = [rounded(one) for one in row.detach()]
    return rules.model_copy(update={"family": family, "noise": rounded(before + ridge(wide, left, NOISE))})


def described(rules: Calibration, samples: Sequence[Sample]) -> str:
    """How often the family is right, and the error of white noise."""
    chances = [list(rules.probabilities(one.new).values()) for one in samples]
    right = sum(row.index(max(row)) == one.family for row, one in zip(chances, samples, strict=True))
    error = torch.tensor([rules.noise_std(one.new) / one.noise - 1 for one in samples if one.noise])
    return (
        f"{right} of {len(samples)} right, white noise off by {error.median():+.1%}, {error.abs().median():.1%} in size"
    )


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--old", type=Path, required=True)
    parser.add_argument("--new", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--every", type=int, default=40, help="the training's --hold-out")
    args = parser.parse_args()
    paths = photographs(args.photos)
    old, new = (sampler(folder, paths) for folder in (args.old, args.new))
    rules = Calibration.load(args.old / "calibration.json")
    samples = collected(old, new, paths[args.every - 1 :: args.every], args.minutes)
    shifted, cut = moved(rules, *lines(samples)), len(samples) * 3 // 4
    with torch.enable_grad():
        tried, final = refitted(shifted, samples[:cut]), refitted(shifted, samples)
    for name, found in (("old", rules), ("moved", shifted), ("moved and fitted", tried)):
        print(f"{name}: {described(found, samples[cut:])}", flush=True)
    write_atomically(args.out, final.model_dump_json().encode())


def sampler(folder: Path, paths: list[Path]) -> Sampler:
    prior = Restorer(f"diffusers:path={folder}", operator="identity").prior
    return Sampler(prior, prior.load(torch.device("cpu"), torch.float32), lambda picture, recipe: picture, paths, SIDE)


if __name__ == "__main__":
    main()
