"""The samples of a calibration: photographs damaged at random, and what a prior answers to them."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.answers import RATIOS, answers, read_features, spaced_levels
from dreamclean.builtin.planners.diagnosis.damage import damaged
from dreamclean.builtin.planners.diagnosis.damages.draw import KEPT_OUT
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.builtin.planners.diagnosis.fit import Sample
from dreamclean.builtin.planners.diagnosis.treatment import treatment
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.levels import Level
from dreamclean.contracts.model import Model
from dreamclean.contracts.prior import Prior
from dreamclean.method.asking import fitted
from dreamclean.pictures.picture import Picture

SIDE = 160
"""Of the crops in pixels, unless the prior's native size is smaller."""
CYCLE = (
    ("white noise", False),
    ("blocking", True),
    ("clean", False),
    ("white noise", False),
    ("mixed", True),
    ("low resolution", False),
    ("white noise", False),
    ("correlated noise", True),
    ("white noise", False),
    ("clean", False),
    ("white noise", False),
    ("blocking", False),
    ("white noise", False),
    ("low resolution", False),
    ("white noise", False),
    ("mixed", False),
    ("white noise", False),
    ("correlated noise", False),
    ("unknown damage", False),
    ("clean", False),
    ("unknown damage", False),
    ("clean", False),
    ("unknown damage", False),
)
"""Family of each sample in turn, and whether its best level is looked for, which takes nine times as long.

White noise comes often because it is the one family with a rule for its strength.
"""
UNEXPLAINED = ("weather", "tone", "outliers")
"""Groups of damage that no family is about. An outlier that is found never gets as far as the families."""
VISIBLE = 38.0
"""dB to the clean picture, above which damage is too small to be called any."""
LPIPS_WEIGHT = 8.0
"""dB that a unit of LPIPS is worth."""

Metric = Callable[[Tensor, Tensor], float]
Treat = Callable[[Tensor, Mapping[str, Any]], Tensor]
"""A restoration: an image (1, 3, H, W) and the fields of a recipe, to the restored image."""


class Sampler:
    """Makes the samples, each by its number alone: which photograph, which crop, which damage."""

    def __init__(
        self,
        prior: Prior,
        model: Model,
        treat: Treat,
        photos: Sequence[Path],
        side: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.prior, self.model, self.treat, self.photos, self.device = prior, fitted(model), treat, photos, device
        self.side = side or min(SIDE, model.geometry.native_size or SIDE)
        self.levels: list[Level] = spaced_levels(model.schedule, RATIOS)
        self.metric, self.metric_name = metric()
        self.unusable: set[Path] = set()

    @torch.no_grad()
    def sample(self, number: int) -> Sample:
        """The sample of this number. DreamCleanError where no photograph can be used."""
        rng, generator = Random(number), torch.Generator().manual_seed(number)
        family, learnt = CYCLE[number % len(CYCLE)]
        # Photographs are often compressed themselves, and a restoration that takes out such damage would look
        # worse than none: where blocking's level is learnt, of smaller copies only.
        clean = crop(self.photo(rng), self.side, rng, sharp=learnt and family == "blocking")
        picture, std = damaged_by(family, clean, rng, number, generator)
        picture = picture.to(self.device)
        found = read_features(answers(picture, self.model, self.levels))
        worth = [self._worth(family, level, clean, picture) for level in self.levels] if learnt else []
        return Sample(family, std, found, worth)

    def _worth(self, family: str, level: Level, clean: Tensor, picture: Tensor) -> float:
        """Of the family's treatment from ``level``."""
        recipe = treatment(Diagnosis(family, ratio=level.ratio), self.model.schedule)
        assert recipe is not None
        return self.metric(self.treat(picture, recipe).cpu(), clean)

    def photo(self, rng: Random) -> Tensor:
        """The pixels of one that is large enough."""
        for path in rng.sample(self.photos, len(self.photos)):
            if path in self.unusable:
                continue
            try:
                pixels = Picture.open(path).pixels
            except DreamCleanError:
                self.unusable.add(path)
                continue
            if min(pixels.shape[-2:]) >= self.side:
                return pixels
            self.unusable.add(path)
        raise DreamCleanError(
            f"none of the {len(self.photos)} pictures can be read and is {self.side} x {self.side} or larger; "
            "give larger photographs, or a smaller --side"
        )


def damaged_by(family: str, x: Tensor, rng: Random, seed: int, generator: torch.Generator) -> tuple[Tensor, float]:
    """As ``damaged``; of what is clean, half are pictures of other kinds (drawn, grey, at night, denoised, ...)."""
    if family == "unknown damage":
        names = [k.name for k in KINDS.values() if k.group in UNEXPLAINED and k.name not in KEPT_OUT]
        for strength in (rng.uniform(0.2, 1), 1.0):
            shown = KINDS[rng.choice(names)](x, seed, strength).shown
            if psnr(shown, x) < VISIBLE:
                break
        return shown, 0.0
    if family == "clean" and rng.random() < 0.5:
        kind = rng.choice([kind for kind in KINDS.values() if kind.group == "clean"])
        return kind(x, seed, rng.random()).shown, 0.0
    return damaged(x, family, rng, generator)


def crop(pixels: Tensor, side: int, rng: Random, sharp: bool) -> Tensor:
    """A random crop, of the photograph or of a smaller, sharper copy."""
    if sharp or rng.random() < 0.35:
        scale = max(rng.uniform(0.55, 0.95), side / min(pixels.shape[-2:]))
        size = [round(length * scale) for length in pixels.shape[-2:]]
        pixels = F.interpolate(pixels, size=size, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (rng.randint(0, length - side) for length in pixels.shape[-2:])
    return pixels[..., top : top + side, left : left + side].contiguous()


def metric() -> tuple[Metric, str]:
    """What a result is worth: PSNR - 8 LPIPS where the package that measures LPIPS is installed, else PSNR."""
    if importlib.util.find_spec("dreamclean_bench") is None:
        return psnr, "PSNR"
    lpips = importlib.import_module("dreamclean_bench.metrics").lpips
    return lambda image, clean: psnr(image, clean) - LPIPS_WEIGHT * lpips(image, clean), "PSNR and LPIPS"


def psnr(image: Tensor, clean: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, of values in [0, 1]; 100 for equal ones."""
    return float(-10 * (image - clean).square().mean().clamp(min=1e-10).log10())
