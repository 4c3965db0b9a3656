"""Tiles against whole pictures on the starter prior, and CPU time and memory from 256 x 256 to 12 megapixels.

    python contrib/benchmarks/tiling.py FOLDER

FOLDER: photographs of at least 768 x 512. Each size is run in a process of its own, whose peak is taken.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dreamclean import Picture, Restorer
from dreamclean.method.tiling import snug, spans
from dreamclean.pictures.picture import is_picture

RECIPE: dict[str, Any] = {
    "initializer": "matched-level",
    "corrector": "vps:gamma=0.05,fused=true",
    "sampler": "ddim",
    "strength": 56,
    "steps": 4,
}
SIZES = ((256, 256), (512, 512), (1024, 1024), (2048, 1536), (4000, 3000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", action="store_true", help="time and memory alone")
    parser.add_argument("--limit", type=int, default=6, help="photographs compared, tiled and whole")
    parser.add_argument("--size", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    pictures = sorted(path for path in options.folder.iterdir() if is_picture(path))
    if options.size:
        print(json.dumps(measure(pictures, *options.size)))
        return
    sizes(options.folder)  # first: a process's peak is at least what its parent had in memory when it was started
    if not options.sizes:
        tiles(pictures[: options.limit])


def tiles(pictures: list[Path]) -> None:
    print(
        "| tile | mean difference, of 255 | largest mean of a picture | step at tile edges over step elsewhere: whole, tiled |"
    )
    print("| --: | --: | --: | --: |")
    for tile in (128, 256, 384):
        print(compare(pictures, tile), flush=True)


def sizes(folder: Path) -> None:
    print(
        "\n| picture | megapixels | CPU seconds | CPU seconds a megapixel | peak memory, MiB |\n| --- | --: | --: | --: | --: |"
    )
    for width, height in SIZES:
        command = [sys.executable, __file__, str(folder), "--size", str(width), str(height)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        area = width * height / 1e6
        print(
            f"| {width} x {height} | {area:.2f} | {found['seconds']:.1f} | {found['seconds'] / area:.1f} | {found['peak']:.0f} |",
            flush=True,
        )


def noisy(picture: Path) -> Tensor:
    pixels = Picture.open(picture).pixels
    return (pixels + 0.1 * torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)


def compare(pictures: list[Path], tile: int) -> str:
    """The same restoration in tiles and whole, 32 pixels from the border and inwards."""
    whole, cut = Restorer(**RECIPE, tile=0), Restorer(**RECIPE, tile=tile)
    differences, steps = [], []
    for picture in pictures:
        image = noisy(picture)
        a, b = whole(image, seed=0).image, cut(image, seed=0).image
        differences.append(float((a - b)[..., 32:-32, 32:-32].abs().mean()) * 255)
        steps.append([edge_step(result, tile) for result in (a, b)])
    ratios = torch.tensor(steps).mean(0)
    mean = sum(differences) / len(differences)
    return f"| {tile} | {mean:.3f} | {max(differences):.3f} | {ratios[0]:.3f}, {ratios[1]:.3f} |"


def edge_step(image: Tensor, tile: int) -> float:
    """Mean |difference of neighbours| across the edges of tiles, over that everywhere."""
    overlap, found = min(tile // 4, 96), []
    for axis in (-2, -1):
        length = image.shape[axis]
        step = image.diff(dim=axis).abs().mean([d for d in range(-4, 0) if d != axis])
        side = snug(length, tile, overlap, 8)
        starts = [start for start, _ in spans(length, side, overlap, 8)]
        edges = [start - 1 for start in starts[1:]] + [start + side - 1 for start in starts[:-1]]
        found.append(float(step[edges].mean() / step.mean()))
    return sum(found) / 2


def measure(pictures: list[Path], width: int, height: int) -> dict[str, float]:
    """A mosaic of the photographs, width x height, restored blind; the process's peak memory."""
    tiles = [noisy(picture) for picture in pictures[:4]]
    tiles = [tile if tile.shape[3] > tile.shape[2] else tile.mT for tile in tiles]
    image = torch.cat([torch.cat(tiles[:2], 3), torch.cat(tiles[2:], 3)], 2)
    image = image.repeat(1, 1, -(-height // image.shape[2]), -(-width // image.shape[3]))[..., :height, :width].clone()
    restorer = Restorer(**RECIPE)
    restorer(image[..., :64, :64])
    began = time.process_time()
    restorer(image)
    return {"seconds": time.process_time() - began, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    main()
