"""Fit the network of ``noise_before``: JPEGs of photographs with and without noise, and what is left in their quietest blocks.

    python contrib/calibrate/jpeg_noise.py PHOTOS [--samples 6] [--hold-out 40]

Every ``--hold-out``-th photograph is kept out, and serves to report. Ten minutes on one core.
"""

import random
from pathlib import Path
from typing import NamedTuple

import torch
from noise import asked, crops, perceptron, weights_of
from safetensors.torch import save_file
from torch import Tensor, nn

from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.planners.diagnosis.damage import log_uniform
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit, grey, normal
from dreamclean.builtin.planners.diagnosis.jpeg.noise_before import SURE, WEIGHTS, block_power
from dreamclean.builtin.planners.diagnosis.network import Network

HIDDEN, ROUNDS, BATCH = 48, 6000, 512
SEEN = 0.35
"""Noise counts as there from this share of the rounding's width on; below it little is left."""


class Samples(NamedTuple):
    """Features (n, 72), the log of the noise's standard deviation (n,), of 255, whether there is any, and the quality."""

    features: Tensor
    std: Tensor
    quality: Tensor


def collected(photos: list[Path], count: int, seed: int) -> Samples:
    """JPEGs of crops, half of them noisy."""
    rng, rows = random.Random(seed), []
    for path in photos:
        for part in crops(path, rng, count):
            x = part[None]
            gray = rng.random() < 0.15
            std = log_uniform(rng, 2, 40) if rng.random() < 0.5 else rng.choice([0, 0, rng.uniform(0, 1.5)])
            noise = normal(x, rng.randrange(2**31), 1 if gray else 3)
            y = eight_bit((grey(x) if gray else x) + std / 255 * noise)
            quality = round(log_uniform(rng, 20, 96))
            operator = JPEG(
                quality=(quality,),
                subsampling="grey" if gray else rng.choice(["4:2:0", "4:2:0", "4:4:4"]),
                shift=(f"{rng.randint(0, 7)}:{rng.randint(0, 7)}",) if rng.random() < 0.3 else (0,),
            )
            rows.append((block_power(operator.degrade(y), operator), std, quality))
    return Samples(torch.stack([f for f, _, _ in rows]), *(torch.tensor([r[k] for r in rows]).float() for k in (1, 2)))


def visible(samples: Samples) -> Tensor:
    """Whether enough noise is left to speak of it."""
    steps = samples.features[:, -8:-5].mean(1).exp()  # of the low frequencies, root mean square
    return samples.std > torch.clamp(SEEN * steps, min=2.5)


def fitted(samples: Samples) -> dict[str, Tensor]:
    """Weights: the log of the standard deviation by its likelihood, the logit by its cross-entropy."""
    torch.manual_seed(0)
    x, there = samples.features, visible(samples)
    told = there | (samples.std < 1.6)
    mean, spread = x.mean(0), x.std(0)
    layers, network = perceptron(x.shape[1], HIDDEN, 3)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=5e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, ROUNDS)
    standard, wanted = ((x - mean) / spread).clamp(-5, 5), samples.std.clamp(min=0.5).log()
    for _ in range(ROUNDS):
        i = torch.randint(len(x), (BATCH,))
        answer = network(standard[i] + 0.05 * torch.randn(BATCH, x.shape[1]))
        variance = answer[:, 1].clamp(-6, 3)
        likelihood = (variance + (wanted[i] - answer[:, 0]) ** 2 * torch.exp(-variance)) / 2
        cross = nn.functional.binary_cross_entropy_with_logits(answer[:, 2], there[i].float(), reduction="none")
        loss = (likelihood * there[i] + 2 * cross * told[i]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return {"mean": mean, "spread": spread, **weights_of(layers)}


def report(weights: dict[str, Tensor], samples: Samples) -> None:
    """By quality and noise: how often noise is found, and how far its width is off where it is."""
    answers = Network(weights)(samples.features)
    found, off = answers[:, 2].sigmoid() > SURE, (answers[:, 0] - samples.std.log()).abs()
    for low, high in ((20, 40), (40, 60), (60, 80), (80, 97)):
        here = (samples.quality >= low) & (samples.quality < high)
        for least, most in ((-1, 1.6), (2, 5), (5, 10), (10, 20), (20, 41)):
            part = here & (samples.std > least) & (samples.std <= most)
            error = float(off[part & found].median()) if (part & found).any() and least > 0 else 0.0
            share = float(found[part].float().mean())
            print(f"quality {low}-{high} std {least}-{most}: {int(part.sum()):4} found {share:.0%}, off by {error:.0%}")


def main() -> None:
    split = asked(__doc__, 6, WEIGHTS)
    weights = fitted(collected(split.fit, split.samples, 0))
    report(weights, collected(split.kept, 3 * split.samples, 1))
    save_file({name: w.contiguous() for name, w in weights.items()}, split.out)


if __name__ == "__main__":
    main()
