"""What WebP and AVIF take from a photograph, and whether its removal as noise makes the photograph better.

    python contrib/calibrate/lossy.py PHOTOS --every 40

How much a file lost can be told from the file alone: the picture is compressed once more, a few pixels shifted, to as many
bytes, and loses about as much again. Here it is removed as white noise of that standard deviation. Centre crops of
256 x 256. ``webp 50, told`` is the median of what was told over what was lost.
"""

import argparse
import io
import math
from pathlib import Path
from statistics import median

from detail import crops, report
from PIL import Image
from torch import Tensor

from dreamclean import Picture, Restorer
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.builtin.planners.diagnosis.treatment import treatment

SHIFT = 3
FILES = (("webp", 25), ("webp", 50), ("webp", 75), ("avif", 30), ("avif", 50))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--prior", help="name:key=value,...; the default prior unless said")
    parser.add_argument("--every", type=int, default=1, help="every N-th photograph, the last of each N")
    parser.add_argument("--limit", type=int, default=6, help="the first so many of those that are large enough")
    options = parser.parse_args()
    clean = crops(options.photos, options.every, options.limit, whole=True)
    restorer = Restorer(options.prior, planner="auto")
    for kind, quality in FILES:
        files = [compressed(Picture(image).with_pixels(image), kind, quality) for image in clean]
        shown = [Picture.from_pil(decompressed(file)).pixels for file in files]
        lost = [difference(*pair) for pair in zip(shown, clean, strict=True)]
        told = [told_by(file, kind) for file in files]
        report(f"{kind} {quality}", "input", shown, clean)
        print(f"{kind} {quality}, told {median(a / b for a, b in zip(told, lost, strict=True)):.2f}")
        for detail in (0, 1):
            recipes = [treatment(as_noise(std), restorer.model.schedule, detail) for std in told]
            results = [
                eight_bit(Restorer(restorer.prior, model=restorer.model, **recipe)(image, seed=0).image)
                if recipe
                else image
                for recipe, image in zip(recipes, shown, strict=True)
            ]
            report(f"{kind} {quality}", f"detail {detail}", results, clean)


def as_noise(std: float) -> Diagnosis:
    """The diagnosis of white noise of ``std``, [0, 1] scale."""
    return Diagnosis("white noise", noise=std, ratio=2 * std)


def compressed(image: Image.Image, kind: str, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, quality=quality)
    return file.getvalue()


def decompressed(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("RGB")


def difference(a: Tensor, b: Tensor) -> float:
    """Root mean square, [0, 1] scale."""
    return math.sqrt(float((a - b).square().mean()))


def told_by(file: bytes, kind: str) -> float:
    """The root mean square, [0, 1] scale, of what ``file`` lost when it was compressed, as far as it tells."""
    whole = decompressed(file)
    part = whole.crop((SHIFT, SHIFT, whole.width, whole.height))
    size = len(file) * part.width * part.height / (whole.width * whole.height)
    low, high = 0, 100
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(compressed(part, kind, middle)) < size else (low, middle)
    again = decompressed(compressed(part, kind, low))
    return difference(Picture.from_pil(again).pixels, Picture.from_pil(part).pixels)


if __name__ == "__main__":
    main()
