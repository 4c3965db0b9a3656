"""Outliers: how often they are found where there are none, and what their removal brings.

    python contrib/calibrate/outliers.py PHOTOS --alarms 100              # no prior: false alarms, and what is found
    python contrib/calibrate/outliers.py PHOTOS --every 40 --gains 4      # with the prior, on photographs held out

Random crops of smaller copies, with the kinds of damage that calibration draws. The gain is that of the prior's recipe
for a known operator with ``inpaint`` and the mask that was found, beside that of the true mask.
"""

import argparse
from pathlib import Path
from random import Random

import torch.nn.functional as F
from dreamclean_bench.metrics import psnr
from photographs import shared_out
from torch import Tensor

from dreamclean import Inpaint, Picture, Restorer
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS
from dreamclean.builtin.planners.diagnosis.outliers.find import find_outliers
from dreamclean.builtin.planners.diagnosis.outliers.opinion import Ask
from dreamclean.contracts.codec import PixelCodec

LOST = ("salt-and-pepper", "random-impulses", "dead-pixels", "scratches", "dust", "date", "rain", "snow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--every", type=int, default=1, help="every N-th photograph, the last of each N")
    parser.add_argument("--side", type=int, default=160)
    parser.add_argument("--alarms", type=int, default=0, help="look at so many photographs, and at clean kinds of them")
    parser.add_argument("--gains", type=int, default=0, help="restore so many photographs")
    parser.add_argument("--kinds", default=",".join(LOST), help="of damage, separated by commas")
    parser.add_argument("--prior", help="name:key=value,...; the default prior unless said")
    options = parser.parse_args()
    paths = shared_out(options.photos, options.every)[1]
    chosen = Random(1).sample(paths, min(len(paths), max(options.alarms, options.gains)))
    pictures = [crop(path, options.side) for path in chosen]
    if options.alarms:
        alarms(pictures[: options.alarms], options.kinds.split(","))
    if options.gains:
        gains(pictures[: options.gains], options.kinds.split(","), options.prior)


def crop(path: Path, side: int) -> Tensor:
    """A random crop of a smaller copy, where the photograph's own compression is gone."""
    pixels, rng = Picture.open(path).pixels, Random(path.name)
    scale = min(1.0, max(rng.uniform(0.5, 0.9), (side + 1) / min(pixels.shape[-2:])))
    pixels = F.interpolate(pixels, scale_factor=scale, mode="bicubic", antialias=True)
    top, left = (rng.randint(0, max(0, length - side)) for length in pixels.shape[-2:])
    return eight_bit(pixels[..., top : top + side, left : left + side])


def alarms(pictures: list[Tensor], kinds: list[str]) -> None:
    print("| pictures | outliers found | kinds |\n| --- | --: | --- |")
    for kind in (kind for kind in KINDS.values() if kind.name not in LOST):
        seen = pictures if kind.name == "photograph" else pictures[:20]
        found = [find_outliers(kind(picture, number).shown) for number, picture in enumerate(seen)]
        named = sorted({name for outliers in found if outliers for name in outliers.kinds})
        print(f"| {kind.title} | {sum(map(bool, found))} of {len(seen)} | {', '.join(named)} |", flush=True)
    print("\n| damage | found in | lost pixels found | found pixels lost |\n| --- | --: | --: | --: |")
    for name in kinds:
        hits, right = [], []
        for number, picture in enumerate(pictures[:20]):
            made = KINDS[name](picture, number)
            if (outliers := find_outliers(made.shown)) and made.lost is not None:
                both = float((outliers.lost & made.lost).sum())
                hits.append(both / float(made.lost.sum()))
                right.append(both / float(outliers.lost.sum()))
        means = [sum(values) / max(1, len(values)) for values in (hits, right)]
        print(f"| {KINDS[name].title} | {len(hits)} of 20 | {means[0]:.0%} | {means[1]:.0%} |", flush=True)


def gains(pictures: list[Tensor], kinds: list[str], prior: str | None) -> None:
    restorer = Restorer(prior, operator="identity")
    print("| damage | picture | PSNR before | found mask | true mask | found |\n| --- | --: | --: | --: | --: | --- |")
    for name in kinds:
        for number, picture in enumerate(pictures):
            made = KINDS[name](picture, number)
            assert made.lost is not None
            outliers = find_outliers(made.shown, ask_of(restorer))
            noise = outliers.noise if outliers else 0.0
            told = made.operator or Inpaint.of(~made.lost, noise=noise)
            values = [psnr(restored(restorer, made.shown, told), made.clean)]
            if outliers:
                values.insert(0, psnr(restored(restorer, made.shown, outliers.operator), made.clean))
            else:
                values.insert(0, psnr(made.shown, made.clean))
            words = outliers.words() if outliers else "nothing"
            before = psnr(made.shown, made.clean)
            print(f"| {name} | {number} | {before:.2f} | {values[0]:.2f} | {values[1]:.2f} | {words} |", flush=True)


def ask_of(restorer: Restorer) -> Ask:
    """The restorer's posterior mean in one step: its known recipe for noise, from the level of the noise, no corrector."""

    def ask(picture: Tensor, std: float) -> Tensor:
        strength = f"nsr:{std / PixelCodec.pixel_scale:.4g}"
        one = Restorer(
            restorer.prior, initializer="matched-level", corrector="none", sampler="ddim", strength=strength, steps=1
        )
        return one(picture, seed=0).image

    return ask


def restored(restorer: Restorer, shown: Tensor, operator: str | Inpaint) -> Tensor:
    known = Restorer(restorer.prior, operator=operator)
    assert known.operator is not None
    return eight_bit(known(known.operator.from_picture(shown), seed=0).image)


if __name__ == "__main__":
    main()
