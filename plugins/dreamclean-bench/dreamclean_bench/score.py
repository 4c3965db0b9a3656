"""Scores of a folder of results: pictures that any program restored, against references or by themselves."""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor

from dreamclean import DreamCleanError, Picture
from dreamclean_bench.metrics import lpips, psnr, ssim

FEWEST = 1000
"""Pictures that a Fréchet distance needs at least: its bias falls with their number (Chong & Forsyth, CVPR 2020)."""
EXTRA = 'it needs torchmetrics with its image extra; install it with pip install "dreamclean-bench[perceptual]"'


@dataclass(frozen=True)
class Metric:
    """What a figure means. ``make``: a function of the result (1, 3, H, W) in [0, 1] and, unless ``alone``, the reference."""

    title: str
    make: Callable[[], Callable[..., Tensor | float]]
    alone: bool = False


def _torchmetrics(name: str, **settings: Any) -> Callable[[], Callable[..., Tensor]]:
    def make() -> Callable[..., Tensor]:
        from torchmetrics.functional import image

        if not hasattr(image, name):
            raise DreamCleanError(f"{name} is missing: {EXTRA}")
        function = getattr(image, name)
        return lambda *pictures: function(*pictures, **settings)

    return make


METRICS: dict[str, Metric] = {
    "psnr": Metric("dB, higher is nearer", lambda: psnr),
    "ssim": Metric("0 to 1, higher is nearer (Wang et al. 2004)", lambda: ssim),
    "lpips": Metric("lower is nearer (Zhang et al. 2018)", lambda: lpips),
    "dists": Metric(
        "lower is nearer; forgives texture drawn anew (Ding et al. 2020)",
        _torchmetrics("deep_image_structure_and_texture_similarity"),
    ),
    "arniqa": Metric(
        "without a reference: 0 to 1, higher looks better (Agnolucci et al. 2024)",
        _torchmetrics("arniqa", normalize=True),
        alone=True,
    ),
}
"""Figures of one picture, by name."""
FID = "fid"
"""The figure of whole folders: lower, and the results look more as the references do (Heusel et al. 2017)."""


@torch.no_grad()
def scores(results: list[Path], references: dict[str, Path], names: list[str]) -> list[dict[str, float]]:
    """The figures ``names`` of each result. ``references``: by name without ending.

    DreamCleanError for a result that has no reference or another size, and for a metric that is not installed.
    """
    made = {name: _usable(name, METRICS[name].make) for name in names}
    compared = any(not METRICS[name].alone for name in names)
    found = []
    for path in results:
        pictures = (_pixels(path), _reference(path, references)) if compared else (_pixels(path),)
        if len({picture.shape for picture in pictures}) > 1:
            sizes = " and ".join(f"{p.shape[3]} x {p.shape[2]}" for p in pictures)
            raise DreamCleanError(
                f"{path.name} and its reference have different sizes, {sizes}; give the same for both"
            )
        found.append({name: _score(name, made[name], pictures) for name in names})
    return found


def _usable(name: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (ImportError, OSError) as error:
        raise DreamCleanError(f"{name} cannot be computed here: {EXTRA} ({error})") from error


def _score(name: str, metric: Callable[..., Any], pictures: tuple[Tensor, ...]) -> float:
    """The figure of a result, the first of ``pictures``, and its reference."""
    try:
        return float(metric(*pictures[:1] if METRICS[name].alone else pictures))
    except ModuleNotFoundError as error:
        raise DreamCleanError(f"{name} cannot be computed here: {EXTRA} ({error})") from error
    except OSError as error:  # the weights are fetched at the first call
        raise DreamCleanError(f"the weights of {name} could not be fetched: {error}") from error


def _reference(path: Path, references: dict[str, Path]) -> Tensor:
    if path.stem not in references:
        raise DreamCleanError(f"{path.name} has no reference of that name; give --references FOLDER with one for each")
    return _pixels(references[path.stem])


def _pixels(path: Path) -> Tensor:
    return Picture.open(path).pixels


@torch.no_grad()
def frechet(results: list[Path], references: list[Path], features: Any = 2048) -> float:
    """The Fréchet distance of two folders, by torchmetrics; ``features``: Inception's, or a module.

    DreamCleanError for too few pictures, and where torchmetrics' image extra is not installed.
    """
    if (fewest := min(len(results), len(references))) < FEWEST:
        raise DreamCleanError(
            f"fid of {fewest} pictures says little; give {FEWEST} or more in each folder, or another metric"
        )

    def make() -> Any:
        from torchmetrics.image.fid import FrechetInceptionDistance

        return FrechetInceptionDistance(feature=features, normalize=True)

    distance = _usable(FID, make)
    for paths, real in ((references, True), (results, False)):
        for path in paths:
            distance.update(_pixels(path), real=real)
    return float(distance.compute())


def table(rows: list[dict[str, float]]) -> str:
    """Means over the pictures with their standard errors, a line a metric."""
    lines = []
    for name in rows[0]:
        values = [row[name] for row in rows]
        error = (
            f" ± {stdev(values) / math.sqrt(len(values)):.4f}" if len(values) > 1 and math.isfinite(sum(values)) else ""
        )
        lines.append(f"{name:7} {fmean(values):.4f}{error}   {METRICS[name].title}")
    return "\n".join(lines)


def write(path: Path, results: list[Path], rows: list[dict[str, float]]) -> None:
    """The scores of each picture, as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, ["picture", *rows[0]], lineterminator="\n")
        out.writeheader()
        out.writerows({"picture": picture.name, **row} for picture, row in zip(results, rows, strict=True))
