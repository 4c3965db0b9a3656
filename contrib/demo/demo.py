"""Degrade a photograph three ways and restore it, blind and with the degradation known.

    python contrib/demo/demo.py demo

Writes the pictures and a labelled sheet, and prints PSNR before and after, evaluations and seconds.
The photograph: a coffee cup by Rachel Michetti, CC0, as distributed with scikit-image (cropped).
"""

import sys
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from dreamclean import JPEG, Downsample, Identity, Operator, Picture, Restorer
from dreamclean.pictures.picture import save

PHOTO = Path(__file__).with_name("coffee.png")
CASES: list[tuple[str, Operator, bool]] = [
    ("noisy 4x downsampling", Downsample(factor=4, noise=0.05), False),
    ("the same, operator known", Downsample(factor=4, noise=0.05), True),
    ("JPEG 10, 20, 40", JPEG(quality=(10, 20, 40), shift=(0, 3, 6)), False),
    ("Gaussian noise 25", Identity(noise=25 / 255), False),
]


def psnr(image: Image.Image, reference: Image.Image) -> float:
    """Peak signal-to-noise ratio in dB."""
    a, b = (Picture.from_pil(i).pixels for i in (image, reference))
    return float(-10 * (a - b).square().mean().log10())


def enlarged(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.NEAREST)


def sheet(photo: Image.Image, cases: list[tuple[str, Image.Image, Image.Image, float, float]]) -> Image.Image:
    """The photograph, then a column for each case: degraded above, restored below."""
    width, height, bar = *photo.size, 28
    result = Image.new("RGB", ((1 + len(cases)) * width, 2 * (height + bar)), "white")
    draw, font = ImageDraw.Draw(result), ImageFont.load_default(17)

    def put(column: int, row: int, label: str, image: Image.Image) -> None:
        left, top = column * width, row * (height + bar)
        draw.text((left + 6, top + 4), label, "black", font)
        result.paste(image, (left, top + bar))

    put(0, 0, "photograph", photo)
    for column, (name, degraded, restored, before, after) in enumerate(cases, 1):
        put(column, 0, f"{name}: {before:.1f} dB", degraded)
        put(column, 1, f"restored: {after:.1f} dB", restored)
    return result


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    picture = Picture.open(PHOTO)
    photo = picture.with_pixels(picture.pixels)
    cases = []
    print(f"{'degradation':30}{'PSNR before':>12}{'after':>8}{'NFE':>6}{'seconds':>9}")
    for name, operator, known in CASES:
        measured = operator.measure(picture.pixels, torch.Generator().manual_seed(0))
        degraded = picture.with_pixels(measured)
        # A blind restoration works at the photograph's size: the small picture is enlarged, pixel by pixel.
        shown = enlarged(degraded, photo.size)
        result = Restorer(operator=operator if known else None)(degraded if known else shown)
        before, after = psnr(shown, photo), psnr(result.image, photo)
        print(f"{name:30}{before:12.2f}{after:8.2f}{result.nfe:6}{result.seconds:9.1f}", flush=True)
        stem = name.replace(",", "").replace(" ", "-").lower()
        save(degraded, folder / f"{stem}-degraded.png")
        save(result.image, folder / f"{stem}-restored.png", result.recipe.to_json())
        cases.append((name, shown, result.image, before, after))
    save(sheet(photo, cases), folder / "sheet.png")
    print(f"pictures are in {folder}/, side by side in {folder}/sheet.png")
    print(what_next())


def what_next() -> str:
    """What to type next, with the command where it is."""
    command = Path(sys.executable).with_name("dreamclean")
    if command.is_relative_to(Path.cwd()):
        command = command.relative_to(Path.cwd())
    lines = ["", "now a picture of your own:", f"    {command} restore PICTURE.jpg"]
    if command.with_name("activate").exists():
        lines += ["or, once in each shell,", f"    source {command.with_name('activate')}", "and then"]
        lines += ["    dreamclean restore PICTURE.jpg"]
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
