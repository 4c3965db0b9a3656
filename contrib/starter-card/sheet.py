"""A sheet of before/after pictures for the starter prior's card.

    python sheet.py KODAK24 --out sheet.jpg

Each row: a picture's centre crop, what a task makes of it, and the restoration, blind or with the operator known.
"""

import argparse
from pathlib import Path

import torch
from dreamclean_bench.metrics import psnr
from dreamclean_bench.runner import crop, pictures_of
from dreamclean_bench.tasks import find_task, shown
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dreamclean import Restorer

ROWS = (("denoise", False), ("jpeg-cascade", False), ("sr4-noisy", False), ("sr4-noisy", True), ("inpaint", True))
BAR = 26


def to_pil(image: Tensor) -> Image.Image:
    return Image.fromarray((image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description="Before and after, side by side.")
    parser.add_argument("images", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--pictures", type=lambda s: [int(v) for v in s.split(",")], default=[22, 6, 4, 18, 2])
    args = parser.parse_args()
    photos = pictures_of(args.images)
    sheet = Image.new("RGB", (3 * args.size, len(ROWS) * (args.size + BAR)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for row, ((task, known), number) in enumerate(zip(ROWS, args.pictures, strict=True)):
        image, operator = crop(photos[number], args.size), find_task(task).operator
        assert operator is not None
        y = operator.measure(image, torch.Generator().manual_seed(number))
        before = shown(find_task(task), y, image.shape)
        after = Restorer(operator=operator if known else None)(y if known else before).image
        top, kind = row * (args.size + BAR), "known" if known else "blind"
        labels = (photos[number].name, f"{task}: {psnr(before, image):.2f} dB", f"{kind}: {psnr(after, image):.2f} dB")
        for column, (label, picture) in enumerate(zip(labels, (image, before, after), strict=True)):
            draw.text((column * args.size + 6, top + 3), label, "black", font)
            sheet.paste(to_pil(picture), (column * args.size, top + BAR))
    sheet.save(args.out, quality=88)


if __name__ == "__main__":
    with torch.no_grad():
        main()
