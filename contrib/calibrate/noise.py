"""Fit the networks of ``estimate_noise``: photographs with and without noise, and what is in their quietest blocks.

    python contrib/calibrate/noise.py PHOTOS [--samples 10] [--hold-out 40]

Every ``--hold-out``-th photograph is kept out, and serves to report. Half an hour on one core.
"""

import argparse
import random
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from photographs import shared_out
from safetensors.torch import save_file
from torch import Tensor, nn

from dreamclean import Grain, Picture
from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.planners.diagnosis.damage import log_uniform
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit
from dreamclean.builtin.planners.diagnosis.network import Network
from dreamclean.builtin.planners.diagnosis.noise_estimate import ROUNDING, WEIGHTS
from dreamclean.builtin.planners.diagnosis.noise_features import EDGES, band_power, quiet_power

KINDS = ("clean", "clean", "white", "grain", "grain", "grain", "colour", "grey", "compressed")
BANDS = len(EDGES) - 1
AXES = nn.functional.normalize(torch.tensor([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]]))
HIDDEN, ROUNDS, BATCH = 48, 8000, 512
NONE, SOME = 1.0, 2.5
"""Standard deviations, of 255, up to which there is no noise, and from which there is."""


class Samples(NamedTuple):
    """Of many axes of pictures: features (n, 32), power of the noise in each band (n, bands), and the kind of noise."""

    features: Tensor
    power: Tensor
    kinds: list[str]


def drawn(std: float, blur: float, common: float, side: int, generator: torch.Generator) -> Tensor:
    """Noise (3, side, side)."""
    grain = Grain(std=std / 255, blur=blur, common=common)
    return grain.measure(torch.zeros(1, 3, side, side), generator)[0]


def noisy(x: Tensor, kind: str, rng: random.Random, generator: torch.Generator) -> tuple[Tensor, Tensor, bool]:
    """A crop ``x`` (3, s, s) with noise of ``kind``, in 8 bits; that noise; and whether the crop was made grey."""
    side, noise, jpeg = x.shape[-1], torch.zeros_like(x), None
    if kind == "white":
        noise = drawn(log_uniform(rng, 2, 60), 0, 0, side, generator)
    elif kind == "grain":
        noise = drawn(log_uniform(rng, 3, 35), rng.uniform(0.4, 1.8), 1, side, generator)
        if rng.random() < 0.4:
            noise = noise + drawn(log_uniform(rng, 1, 10), 0, 0, side, generator)
    elif kind == "grey":
        noise = drawn(log_uniform(rng, 3, 60), 0, 1, side, generator)
    elif kind in ("colour", "compressed"):
        std, common, blur = log_uniform(rng, 3, 35), rng.random(), rng.choice([0, rng.uniform(0.4, 1.6)])
        noise = drawn(std * common**0.5, blur, 1, side, generator)
        own = blur if rng.random() < 0.5 else rng.uniform(0, 2)
        noise = noise + drawn(std * (1 - common) ** 0.5, own, 0, side, generator)
    if kind == "compressed":
        jpeg = JPEG(quality=(rng.randint(60, 95),), subsampling="4:2:0" if rng.random() < 0.7 else "4:4:4")
    grey = kind == "grey" or rng.random() < 0.15
    if grey:
        x, noise = (v.mean(0, keepdim=True).expand_as(v) for v in (x, noise))
    y = eight_bit(x + noise)
    if jpeg:
        y = jpeg.degrade(y[None])[0]
        noise = y - jpeg.degrade(x[None])[0]
    return y, noise, grey


def crops(path: Path, rng: random.Random, count: int) -> list[Tensor]:
    """Random square crops of a photograph; flat ones are left out."""
    pixels, found = Picture.open(path).pixels[0], []
    height, width = pixels.shape[-2:]
    for _ in range(count):
        side = min(rng.choice([128, 160, 192, 256]), height, width)
        top, left = rng.randint(0, height - side), rng.randint(0, width - side)
        crop = pixels[:, top : top + side, left : left + side]
        if side >= 64 and float(crop.amax() - crop.amin()) > 0.1:
            found.append(crop)
    return found


def collected(photos: list[Path], count: int, seed: int) -> dict[str, Samples]:
    """Samples of the grey axis and of the two chromas."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    rows: dict[str, list[tuple[Tensor, Tensor, str]]] = {"grey": [], "chroma": []}
    for path in photos:
        for crop in crops(path, rng, count):
            kind = rng.choice(KINDS)
            y, noise, grey = noisy(crop, kind, rng, generator)
            seen, made = (torch.einsum("ci,ihw->chw", AXES, v) for v in (y, noise))
            features, power = quiet_power(y, seen), band_power(made).mean(0)
            rows["grey"].append((features[:1], power[:1], kind))
            if not grey:
                rows["chroma"].append((features[1:], power[1:], kind))
    return {
        axis: Samples(torch.cat([f for f, _, _ in r]), torch.cat([p for _, p, _ in r]), [k for f, _, k in r for _ in f])
        for axis, r in rows.items()
    }


def widths(power: Tensor) -> Tensor:
    """Standard deviation, of 255, of noise whose power in each band is ``power`` (n, bands)."""
    f = torch.hypot(torch.fft.fftfreq(256)[:, None], torch.fft.fftfreq(256)[None])
    share = torch.stack([((f >= low) & (f < high)).float().mean() for low, high in pairwise(EDGES)])
    return (power * share).sum(1).sqrt() * 255


def fitted(samples: Samples) -> dict[str, Tensor]:
    """Weights: bands by their likelihood where there is noise, the logit by its cross-entropy."""
    torch.manual_seed(0)
    x, wanted, std = samples.features, (samples.power + ROUNDING**2).log() / 2, widths(samples.power)
    mean, spread = x.mean(0), x.std(0)
    layers, network = perceptron(x.shape[1], HIDDEN, 2 * BANDS + 1)
    told, there = ((std <= NONE) | (std > SOME)).float(), (std > SOME).float()
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=2e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, ROUNDS)
    standard = ((x - mean) / spread).clamp(-5, 5)
    for _ in range(ROUNDS):
        i = torch.randint(len(x), (BATCH,))
        answer = network(standard[i] + 0.05 * torch.randn(BATCH, x.shape[1]))
        found, variance, logit = answer[:, :BANDS], answer[:, BANDS : 2 * BANDS].clamp(-6, 3), answer[:, -1]
        likelihood = (variance + (wanted[i] - found) ** 2 * torch.exp(-variance)).mean(1) / 2
        cross = nn.functional.binary_cross_entropy_with_logits(logit, there[i], reduction="none")
        loss = (likelihood * (0.2 + (std[i] > NONE).float()) + 2 * cross * told[i]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return {"mean": mean, "spread": spread, **weights_of(layers)}


def perceptron(inputs: int, hidden: int, outputs: int) -> tuple[list[nn.Linear], nn.Module]:
    """The layers of a ``Network`` to be, and the network."""
    layers = [nn.Linear(inputs, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, outputs)]
    return layers, nn.Sequential(layers[0], nn.SiLU(), layers[1], nn.SiLU(), layers[2])


def weights_of(layers: list[nn.Linear]) -> dict[str, Tensor]:
    """As ``Network`` takes them."""
    return {f"{name}{k}": getattr(v, name).detach() for k, v in enumerate(layers) for name in ("weight", "bias")}


def report(axis: str, weights: dict[str, Tensor], samples: Samples) -> None:
    """By kind of noise: how often it is found, and how far its width is off where it is."""
    answers = Network(weights)(samples.features)
    sure, std = answers[:, -1].sigmoid(), widths(samples.power)
    off = (widths(((2 * answers[:, :BANDS]).exp() - ROUNDING**2).clamp(min=0)) / std).log().abs()
    for kind in sorted(set(samples.kinds)):
        loud = torch.tensor([k == kind for k in samples.kinds]) & ((std > 5) | (std <= NONE))
        shares = " ".join(f"{float((sure[loud] > p).float().mean()):.0%}" for p in (0.5, 0.9, 0.98))
        error = float(off[loud & (sure > 0.5)].median())
        print(f"{axis:7}{kind:11}{int(loud.sum()):5} found at 0.5, 0.9, 0.98: {shares}; off by {error:.0%}")


class Split(NamedTuple):
    """Photographs to fit to and to report on, how many crops of each, and the file of the weights."""

    fit: list[Path]
    kept: list[Path]
    samples: int
    out: Path


def asked(doc: str | None, samples: int, out: Path) -> Split:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--samples", type=int, default=samples, help="crops of each photograph")
    parser.add_argument("--hold-out", type=int, default=40, help="every n-th photograph is kept out")
    parser.add_argument("--out", type=Path, default=out)
    args = parser.parse_args()
    return Split(*shared_out(args.photos, args.hold_out), args.samples, args.out)


def main() -> None:
    split = asked(__doc__, 10, WEIGHTS)
    train, test = collected(split.fit, split.samples, 0), collected(split.kept, split.samples, 1)
    weights = {axis: fitted(samples) for axis, samples in train.items()}
    for axis, samples in test.items():
        report(axis, weights[axis], samples)
    save_file({f"{axis}.{name}": w.contiguous() for axis, ws in weights.items() for name, w in ws.items()}, split.out)


if __name__ == "__main__":
    main()
