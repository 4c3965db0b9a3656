"""Does it pay that every part starts at its own level, where noise is uneven?

    python contrib/calibrate/uneven.py PHOTOS          # one level for the picture against local-level, both blind
    python contrib/calibrate/uneven.py PHOTOS --fit    # what CONTRAST and UNEVEN of the kernel rest on

The same eight crops as ``recipes.py``. Noise: Poisson at three rates, from quiet at the left to loud at the right, a
camera's (shot and read noise in linear light), and even noise, where nothing should change.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from recipes import crops, report
from torch import Tensor

from dreamclean import Restorer
from dreamclean.diagnosis.treatment import treatment
from dreamclean.initializers.local_level import ABOVE, unevenness


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--fit", action="store_true", help="the local width of estimates against the true noise")
    options = parser.parse_args()
    clean = crops(options.photos)
    restorer = Restorer(device="cpu", strength="auto")
    if options.fit:
        fit(restorer, clean)
    else:
        for name, std in stds(clean):
            compare(restorer, name, clean, noisy(clean, std))


def stds(clean: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Standard deviation of the noise at every element, [0, 1] scale."""
    for rate in (0.1, 0.3, 1.0):
        yield f"Poisson, rate {rate:g}", (clean.clamp(min=1 / 255) / (255 * rate)).sqrt()
    yield "5 to 40", torch.linspace(5, 40, clean.shape[-1]).div(255).expand_as(clean)
    linear = clean.clamp(min=0.02) ** 2.2
    yield "camera", (0.004 * linear + 0.0004).sqrt() * linear ** (1 / 2.2 - 1) / 2.2
    for std in (10, 25, 50):
        yield f"even, {std}", torch.full_like(clean, std / 255)


def noisy(clean: Tensor, std: Tensor) -> Tensor:
    y = clean + std * torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))
    return (y.clamp(0, 1) * 255).round() / 255


def compare(restorer: Restorer, name: str, clean: Tensor, damaged: Tensor) -> None:
    report(name, "input", damaged, damaged, clean)
    results: dict[str, list[Tensor]] = {"one level": [], "auto": []}
    for image in damaged:
        found = restorer.diagnose(image[None])
        for how, diagnosis in (("one level", replace(found, loudest=None)), ("auto", found)):
            recipe = treatment(diagnosis, restorer.prior.schedule)
            result = restorer.with_recipe(recipe)(image[None], seed=0).image if recipe else image[None]
            results[how].append((result * 255).round() / 255)
    for how, images in results.items():
        report(name, how, torch.cat(images), damaged, clean)


@torch.no_grad()
def fit(restorer: Restorer, clean: Tensor) -> None:
    """The power that makes the width of the estimate the true noise's; and how uneven each case looks."""
    prior, features, targets = restorer.prior, [], []
    for name, std in stds(clean):
        y, ratio = noisy(clean, std), float(std.square().mean().sqrt()) / prior.pixel_scale
        level = prior.schedule.at(prior.schedule.timestep(ABOVE * ratio))
        eps = prior.predict(level.a * prior.encode(y), level).eps
        quantiles = torch.quantile(unevenness(eps).flatten(1), torch.tensor([0.05, 0.95]), dim=1)
        spread = (quantiles[1] / quantiles[0]).sort().values
        print(f"{name:20} 95 % over 5 %: {spread[0]:.2f} to {spread[-1]:.2f}, median {spread[len(spread) // 2]:.2f}")
        width, true = (
            F.avg_pool2d(x.square().mean(1, keepdim=True), 17, stride=8).log().flatten() / 2
            for x in (eps * level.ratio / ratio, std / prior.pixel_scale / ratio)
        )
        features.append(torch.stack([width, torch.ones_like(width)], 1))
        targets.append(true)
    power, constant = torch.linalg.lstsq(torch.cat(features), torch.cat(targets)).solution.tolist()
    print(f"log noise = {power:.2f} log width {constant:+.2f}")


if __name__ == "__main__":
    main()
