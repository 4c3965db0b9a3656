"""Add the family "unknown damage" to a calibration that lacks it: damage that no operator and no other family explains.

    python contrib/calibrate/unknown.py PHOTOS CALIBRATION.json [--samples 600] [--features FILE.pt]

The rules of the other families stay as they are; one more row is fitted beside them, by the cross-entropy of all families.
Only samples count that a diagnosis would bring as far as the families. With ``--features`` samples are kept, and a run that
is started again goes on with them.
"""

import argparse
import io
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from photographs import photographs
from torch import Tensor

from dreamclean import Restorer
from dreamclean.builtin.planners.diagnosis.answers import answers, read_features
from dreamclean.builtin.planners.diagnosis.calibration import FAMILIES, Calibration
from dreamclean.builtin.planners.diagnosis.degradation import explained
from dreamclean.builtin.planners.diagnosis.fit import rounded
from dreamclean.builtin.planners.diagnosis.noise_estimate import estimate_noise
from dreamclean.builtin.planners.diagnosis.outliers.opinion import asking
from dreamclean.builtin.planners.diagnosis.samples import Sampler, crop, damaged_by
from dreamclean.pictures.picture import write_atomically

SIDE = 160
OF = ("unknown damage", "clean", "unknown damage", "white noise", "clean", "unknown damage", "clean", "mixed")
"""Family of each sample in turn."""
WEIGHT = 3e-3


def collected(sampler: Sampler, samples: list[tuple[str, Tensor]], start: int, count: int) -> None:
    """Add ``count`` samples to ``samples``, from the number ``start`` on."""
    for number in range(start, start + count):
        rng, generator = Random(f"unknown {number}"), torch.Generator().manual_seed(number)
        family = OF[number % len(OF)]
        clean = crop(sampler.photo(rng), SIDE, rng, sharp=rng.random() < 0.5)
        picture, _ = damaged_by(family, clean, rng, number, generator)
        if explained(picture, {}, asking(sampler.model)) or (family != "white noise" and estimate_noise(picture, 0.95)):
            continue
        samples.append((family, read_features(answers(picture, sampler.model, sampler.levels))))


def fitted(rules: Calibration, samples: list[tuple[str, Tensor]]) -> list[float]:
    """The row of the last family."""
    x = torch.stack([rules.standardised(features) for _, features in samples])
    target = torch.tensor([FAMILIES.index(family) for family, _ in samples])
    known = x @ torch.tensor(rules.family[: len(FAMILIES) - 1]).double().T
    row = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([row], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        value = (
            F.cross_entropy(torch.cat([known, (x @ row)[:, None]], 1), target) + WEIGHT / 2 * row[:-1].square().sum()
        )
        value.backward()  # type: ignore[no-untyped-call]
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    return rounded(row.detach())


def report(rules: Calibration, samples: list[tuple[str, Tensor]]) -> None:
    for family in dict.fromkeys(OF):
        said = [
            max(found, key=found.__getitem__) for f, x in samples if f == family for found in [rules.probabilities(x)]
        ]
        print(family, {name: said.count(name) for name in dict.fromkeys(said)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("calibration", type=Path)
    parser.add_argument("--samples", type=int, default=600)
    parser.add_argument("--features", type=Path)
    args = parser.parse_args()
    restorer = Restorer(device="cpu")
    photos = photographs(args.photos)
    sampler = Sampler(restorer.prior, restorer.model, lambda image, recipe: image, photos, SIDE)
    made, samples = torch.load(args.features) if args.features and args.features.exists() else (0, [])
    while made < args.samples:
        with torch.no_grad():
            collected(sampler, samples, made, 20)
        made += 20
        print(made, len(samples), flush=True)
        if args.features:
            file = io.BytesIO()
            torch.save((made, samples), file)
            write_atomically(args.features, file.getvalue())
    rules = Calibration.load(args.calibration)
    families = [*rules.family[: len(FAMILIES) - 1]]
    levels = [*rules.level[: len(FAMILIES) - 1], []]
    cut = len(samples) * 3 // 4
    part = rules.model_copy(update={"family": [*families, fitted(rules, samples[:cut])], "level": levels})
    report(part, samples[cut:])
    whole = rules.model_copy(update={"family": [*families, fitted(rules, samples)], "level": levels})
    write_atomically(args.calibration, whole.model_dump_json().encode())


if __name__ == "__main__":
    main()
