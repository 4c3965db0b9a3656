"""Does it pay that every part starts at its own level, where noise is uneven?

    python contrib/calibrate/uneven.py PHOTOS          # one level for the picture against local-level, both blind
    python contrib/calibrate/uneven.py PHOTOS --fit    # what CONTRAST and UNEVEN of the kernel rest on
    python contrib/calibrate/uneven.py PHOTO --picture OUT.jpg --at 200 100   # to look at: damaged, one level, auto

The same eight crops as ``recipes.py``. Noise: Poisson at three rates, from quiet at the left to loud at the right, a
camera's (shot and read noise in linear light), and even noise, where nothing should change.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from check import diagnosis_of
from recipes import crops, report
from torch import Tensor

from dreamclean import Picture, Restorer
from dreamclean.builtin.initializers.local_level import ABOVE, unevenness
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit
from dreamclean.builtin.planners.diagnosis.treatment import treatment
from dreamclean.method.asking import fitted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--fit", action="store_true", help="the local width of estimates against the true noise")
    parser.add_argument("--picture", type=Path, help="of a part of one photograph, 256 x 256, noise 3 to 60")
    parser.add_argument("--at", type=int, nargs=2, default=(0, 0), help="its left and upper edge")
    options = parser.parse_args()
    if options.picture:
        left, top = options.at
        picture(options.photos, left, top, options.picture)
        return
    clean = crops(options.photos)
    restorer = Restorer(device="cpu", planner="auto")
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
    return eight_bit(y)


def picture(photo: Path, left: int, top: int, target: Path) -> None:
    clean = Picture.open(photo).pixels[..., top : top + 256, left : left + 256]
    damaged = noisy(clean, torch.linspace(3, 60, clean.shape[-1]).div(255).expand_as(clean))
    strip = [damaged, *(image[0] for image in treated(Restorer(device="cpu", planner="auto"), damaged))]
    for name, image in zip(("input", "one level", "auto"), strip, strict=True):
        report("3 to 60", name, image, damaged, clean)
    Picture(clean).with_pixels(torch.cat(strip, -1)).save(target, quality=92)


def treated(restorer: Restorer, image: Tensor) -> Iterator[tuple[Tensor, str]]:
    """The image (1, 3, H, W) restored from one level, and as auto does, in 8 bits."""
    found = diagnosis_of(restorer, image)
    for how, diagnosis in (("one level", replace(found, loudest=None)), ("auto", found)):
        recipe = treatment(diagnosis, restorer.model.schedule)
        result = (
            Restorer(restorer.prior, model=restorer.model, **recipe, device="cpu")(image, seed=0).image
            if recipe
            else image
        )
        yield (result * 255).round() / 255, how


def compare(restorer: Restorer, name: str, clean: Tensor, damaged: Tensor) -> None:
    report(name, "input", damaged, damaged, clean)
    results: dict[str, list[Tensor]] = {"one level": [], "auto": []}
    for image in damaged:
        for result, how in treated(restorer, image[None]):
            results[how].append(result)
    for how, images in results.items():
        report(name, how, torch.cat(images), damaged, clean)


@torch.no_grad()
def fit(restorer: Restorer, clean: Tensor) -> None:
    """The power that makes the width of the estimate the true noise's; and how uneven each case looks."""
    model, features, targets = fitted(restorer.model), [], []
    for name, std in stds(clean):
        y, ratio = noisy(clean, std), float(std.square().mean().sqrt()) / model.codec.pixel_scale
        level = model.schedule.at(model.schedule.timestep(ABOVE * ratio))
        eps = model.predict(level.alpha * model.codec.encode(y), level)
        quantiles = torch.quantile(unevenness(eps).flatten(1), torch.tensor([0.05, 0.95]), dim=1)
        spread = (quantiles[1] / quantiles[0]).sort().values
        print(f"{name:20} 95 % over 5 %: {spread[0]:.2f} to {spread[-1]:.2f}, median {spread[len(spread) // 2]:.2f}")
        width, true = (
            F.avg_pool2d(x.square().mean(1, keepdim=True), 17, stride=8).log().flatten() / 2
            for x in (eps * level.ratio / ratio, std / model.codec.pixel_scale / ratio)
        )
        features.append(torch.stack([width, torch.ones_like(width)], 1))
        targets.append(true)
    power, constant = torch.linalg.lstsq(torch.cat(features), torch.cat(targets)).solution.tolist()
    print(f"log noise = {power:.2f} log width {constant:+.2f}")


if __name__ == "__main__":
    main()
