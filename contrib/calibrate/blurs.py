"""Which blur is found: counts by family on photographs that were blurred, and on the same ones as they were.

    python contrib/calibrate/blurs.py PHOTOS --every 40
    python contrib/calibrate/blurs.py PHOTOS --every 20 --blurs none --noises 0,13,25,38      # false alarms

The centre, at most 256 x 256. Beside each count are the medians of what was found: for motion its length and width.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from statistics import median

import torch
from photographs import shared_out

from dreamclean import Blur, Identity, Operator
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit
from dreamclean.builtin.planners.diagnosis.outliers.opinion import asking
from dreamclean.builtin.planners.diagnosis.resolution.blur import estimate_blur
from dreamclean.host.host import host
from dreamclean.method.loaded import load
from dreamclean.pictures.picture import Picture

BLURS: dict[str, Operator] = {
    "none": Identity(),
    "Gaussian 1": Blur(shape="gaussian", size=7, std=(1.0,)),
    "Gaussian 1.5": Blur(shape="gaussian", size=11, std=(1.5,)),
    "disc 2.5": Blur(shape="defocus", radius=2.5),
    "box 9": Blur(shape="uniform", size=9),
    "motion 5": Blur(shape="motion", length=5, angle=30),
    "motion 9": Blur(shape="motion", length=9, angle=30),
    "motion 15": Blur(shape="motion", length=15, angle=70),
    "soft motion 9": Blur(shape="motion", length=9, angle=45, width=1.0),
    "anisotropic": Blur(shape="gaussian", size=9, std=(20.0, 1.0)),
    "Gaussian 3 x 1": Blur(shape="gaussian", size=19, std=(3.0, 1.0)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--every", type=int, default=1, help="every N-th photograph, the last of each N")
    parser.add_argument("--blurs", default=",".join(BLURS), help=", ".join(BLURS))
    parser.add_argument("--noises", default="2,13", help="standard deviations, of 255")
    options = parser.parse_args()
    ask = asking(load(host().default_prior(), torch.device("cpu"), torch.float32))
    paths = shared_out(options.photos, options.every)[1]
    for noise in map(float, options.noises.split(",")):
        for name in options.blurs.split(","):
            found: defaultdict[str, list[Blur]] = defaultdict(list)
            for seed, path in enumerate(paths):
                y = (
                    BLURS[name]
                    .model_copy(update={"noise": noise / 255})
                    .measure(centre(path), torch.Generator().manual_seed(seed))
                )
                with torch.inference_mode():
                    estimate = estimate_blur(eight_bit(y), ask)
                blur = estimate.operator if estimate else None
                found[blur.shape if isinstance(blur, Blur) else "none"].append(blur)  # type: ignore[arg-type]
            counts = sorted(found.items(), key=lambda item: -len(item[1]))
            print(
                f"noise {noise:g}, {name}:",
                ", ".join(f"{shape} {len(some)}{said(some)}" for shape, some in counts),
                flush=True,
            )


def centre(path: Path) -> torch.Tensor:
    pixels = Picture.open(path).pixels[:, :3].float()
    sides = [min(256, side) // 32 * 32 for side in pixels.shape[-2:]]
    top, left = ((whole - side) // 2 for whole, side in zip(pixels.shape[-2:], sides, strict=True))
    return pixels[..., top : top + sides[0], left : left + sides[1]]


def said(some: list[Blur]) -> str:
    settings = {"motion": ("length", "width"), "uniform": ("size",), "defocus": ("radius",), "gaussian": ("std",)}
    if some[0] is None:
        return ""
    values = [[getattr(blur, name) for blur in some] for name in settings[some[0].shape]]
    return f" ({', '.join(f'{median(v[0] if isinstance(v, tuple) else v for v in column):.3g}' for column in values)})"


if __name__ == "__main__":
    main()
