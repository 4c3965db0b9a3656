"""Calibrate the diagnosis for a prior on damaged photographs.

    python contrib/calibrate/calibrate.py PHOTOS -o calibration.json

Every photograph's crop is damaged at random, put at six levels, and the prior is asked once at each: what its noise
estimate looks like. Where the best start is to be learnt, the treatment is run from each level, and compared with the
photograph. Then linear rules are fitted: family (logistic), white noise's standard deviation and, for each family
that needs it, the best level (ridge). Samples are kept in --data every minute, and the same command goes on where
it was; several --data may be made at once (--first) and are fitted together.
"""

import argparse
import random
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from damage import damaged
from dreamclean_bench.metrics import lpips, psnr
from torch import Tensor

from dreamclean import Diagnosis, Level, Picture, Prior, Restorer
from dreamclean.builtin.planners.diagnosis.calibration import FAMILIES, Calibration, with_squares
from dreamclean.builtin.planners.diagnosis.signs import signs
from dreamclean.builtin.planners.diagnosis.treatment import treatment
from dreamclean.host.host import host
from dreamclean.method.device import pick_dtype
from dreamclean.pictures.picture import is_picture

RATIOS = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
SHARES = (2, 3, 2, 2, 2, 2)
LEARNT = ("correlated noise", "blocking", "mixed")
"""The families whose best level is learnt: white noise has its own, the others are left alone.

That of blocking is learnt with --sharp alone: photographs are often compressed themselves, and a restoration that
takes out such damage would look worse than none.
"""
LPIPS_WEIGHT = 8.0
"""dB that a unit of LPIPS is worth: the level asked for is the best in PSNR - 8 LPIPS."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--prior", help="name:key=value,...; the default prior unless said")
    parser.add_argument("--count", type=int, default=1000, help="samples")
    parser.add_argument("--families", help="only these, separated by commas")
    parser.add_argument(
        "--sharp", action="store_true", help="smaller copies only, where the photograph's own flaws are gone"
    )
    parser.add_argument("--held-out", type=int, help="every N-th photograph only, which the prior's training left out")
    parser.add_argument("--side", type=int, default=160, help="of the crops in pixels")
    parser.add_argument("--first", type=int, default=0, help="number of the first sample, which seeds it")
    parser.add_argument("--data", type=Path, nargs="+", default=[Path("calibration.pt")], help="where samples are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("calibration.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    prior: Prior = host().make("prior", options.prior) if options.prior else host().default_prior()
    device = torch.device("cpu")
    prior.prepare(device, pick_dtype(None, device))
    samples = [sample for path in options.data if path.is_file() for sample in torch.load(path)]
    if len(options.data) == 1:
        collect(samples, prior, options)
    if {sample["family"] for sample in samples} == set(FAMILIES):
        options.output.write_text(fit(samples).model_dump_json())
        print(f"{options.output}: from {len(samples)} samples")


def collect(samples: list[dict[str, Any]], prior: Prior, options: argparse.Namespace) -> None:
    files = sorted(path for path in options.photos.iterdir() if is_picture(path))
    files = files[options.held_out - 1 :: options.held_out] if options.held_out else files
    levels = [prior.schedule.at(prior.schedule.timestep(ratio)) for ratio in RATIOS]
    saved = time.time()
    restorer = Restorer(prior, device="cpu", strength="auto")
    families = options.families.split(",") if options.families else FAMILIES
    shares = [SHARES[FAMILIES.index(family)] for family in families]
    while len(samples) < options.count:
        random.seed(options.first + len(samples))
        generator = torch.Generator().manual_seed(options.first + len(samples))
        pixels = Picture.open(random.choice(files)).pixels
        while min(pixels.shape[-2:]) < options.side:
            pixels = Picture.open(random.choice(files)).pixels
        clean = crop(pixels, options.side, options.sharp)
        family = random.choices(families, shares)[0]
        picture, std = damaged(clean, family, generator)
        sample = {"family": family, "std": std, "signs": examine(prior, levels, picture)}
        if family in LEARNT and (family != "blocking" or options.sharp):
            sample["worth"] = [worth(restorer, family, level, clean, picture) for level in levels]
        sample["held out"] = options.held_out is not None
        samples.append({**sample, "ratios": [level.ratio for level in levels]})
        if time.time() - saved > 60 or len(samples) == options.count:
            torch.save(samples, options.data[0])
            print(f"{len(samples)} samples", flush=True)
            saved = time.time()


def crop(pixels: Tensor, side: int, sharp: bool) -> Tensor:
    """A random crop, of the photograph or of a smaller, sharper copy."""
    if sharp or random.random() < 0.35:
        scale = max(random.uniform(0.55, 0.95), side / min(pixels.shape[-2:]))
        size = [round(length * scale) for length in pixels.shape[-2:]]
        pixels = F.interpolate(pixels, size=size, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (random.randint(0, length - side) for length in pixels.shape[-2:])
    return pixels[..., top : top + side, left : left + side].contiguous()


@torch.no_grad()
def examine(prior: Prior, levels: list[Level], picture: Tensor) -> Tensor:
    """The signs, level by level."""
    x = prior.encode(picture)
    return torch.stack([signs(prior.predict(level.a * x, level).eps)[0] for level in levels])


def worth(restorer: Restorer, family: str, level: Level, clean: Tensor, picture: Tensor) -> float:
    """PSNR - 8 LPIPS of the family's treatment, from ``level``."""
    recipe = treatment(Diagnosis(family, None, {}, None, level.ratio, [], [], [], 0), restorer.prior.schedule)
    assert recipe is not None
    image = restorer.with_recipe(recipe)(picture, seed=0).image
    return psnr(image, clean) - LPIPS_WEIGHT * lpips(image, clean)


def fit(samples: list[dict[str, Any]]) -> Calibration:
    """The rules; where there are samples of photographs that training left out, the noise's is set right by them."""
    x = torch.stack([sample["signs"].flatten() for sample in samples]).double()
    mean, spread = x.mean(0), x.std(0).clamp(min=1e-3)
    x = torch.cat([((x - mean) / spread).clamp(-4, 4), torch.ones(len(x), 1)], 1).double()
    families = torch.tensor([FAMILIES.index(sample["family"]) for sample in samples])
    noise = torch.tensor([sample["std"] for sample in samples]).double()
    white = (families == FAMILIES.index("white noise")) & (noise > 0)
    held = white & torch.tensor([sample.get("held out", False) for sample in samples])
    rule = ridge(with_squares(x[white & ~held]), noise[white & ~held].log(), 3e-3)
    if held.any():
        line = torch.stack([with_squares(x[held]) @ rule, torch.ones(int(held.sum())).double()], 1)
        slope, constant = torch.linalg.lstsq(line, noise[held].log()).solution.tolist()
        rule *= slope
        rule[-1] += constant
        print(f"on photographs left out: log noise = {slope:.4f} log estimate {constant:+.4f}")
    learnt = torch.tensor(["worth" in sample for sample in samples])
    best = torch.tensor([best_level(sample) if "worth" in sample else 0.0 for sample in samples]).double()
    return Calibration(
        ratios=list(samples[0]["ratios"]),
        mean=rounded(mean),
        spread=rounded(spread),
        family=[rounded(row) for row in logistic(x, families)],
        noise=rounded(rule),
        level=[
            rounded(ridge(x[learnt & (families == k)], best[learnt & (families == k)], 3e-2))
            if family in LEARNT
            else []
            for k, family in enumerate(FAMILIES)
        ],
    )


def best_level(sample: dict[str, Any]) -> float:
    """Log ratio of the level that is worth most, by a parabola through the best and its neighbours."""
    values, ratios = sample["worth"], torch.tensor(sample["ratios"]).log()
    k = max(range(1, len(values) - 1), key=values.__getitem__)
    low, mid, high = values[k - 1 : k + 2]
    bend = low - 2 * mid + high
    shift = (low - high) / (2 * bend) if bend < 0 else 0.0
    return float(ratios[k] + max(-1.0, min(1.0, shift)) * (ratios[k + 1] - ratios[k - 1]) / 2)


def ridge(x: Tensor, target: Tensor, weight: float) -> Tensor:
    penalty = weight * len(x) * torch.eye(x.shape[1]).double()
    penalty[-1, -1] = 0
    return torch.linalg.solve(x.T @ x + penalty, x.T @ target)


def logistic(x: Tensor, target: Tensor, weight: float = 3e-4) -> Tensor:
    """Rules for the families; each counts by the square root of its samples (found best by cross-validation)."""
    shares = target.bincount(minlength=len(FAMILIES)).rsqrt().double()
    rules = torch.zeros(len(FAMILIES), x.shape[1], dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([rules], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        value = F.cross_entropy(x @ rules.T, target, weight=shares) + weight / 2 * rules[:, :-1].square().sum()
        value.backward()
        return value

    solver.step(loss)
    return rules.detach()


def rounded(values: Tensor) -> list[float]:
    return [float(f"{value:.5g}") for value in values.tolist()]


if __name__ == "__main__":
    main()
