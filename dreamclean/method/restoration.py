"""The result of a restoration."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.planner import Report
from dreamclean.contracts.step import Step
from dreamclean.pictures.picture import Picture, check_target, save
from dreamclean.pictures.saving import png_text
from dreamclean.recipe.recipe import Recipe

ImageT_co = TypeVar("ImageT_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True)
class Restoration(Generic[ImageT_co]):
    """A restored image and how it came about. A notebook shows the picture."""

    image: ImageT_co
    """The same kind as the input: a PIL image for a path or a PIL image, otherwise an array or a tensor."""
    nfe: int
    """Evaluations of the prior's network, per image."""
    seconds: float
    """Wall-clock time of the restoration."""
    prior_seconds: float
    """The share of ``seconds`` inside the prior."""
    recipe: Recipe
    """All settings; ``Restorer(recipe=...)`` runs them again."""
    trace: list[Step] = field(default_factory=list)
    """If asked for: the latents and posterior means after each step, on the CPU."""
    reports: list[Report] = field(default_factory=list)
    """The planner's reports, one for each image, if it looked at them."""
    frames: list[Image.Image] = field(default_factory=list)
    """Of an animation or a file of several pages: all pictures; ``image`` is the first, ``nfe`` and times are of all."""

    def save(self, path: Path | str) -> None:
        """Write the picture; a PNG carries the recipe. An existing file is replaced.

        DreamCleanError for a tensor of several images, and if the file cannot be written.
        """
        path = Path(path)
        check_target(path, overwrite=True)
        save(self._picture(), path, self.recipe.to_json(), self.frames)

    def _picture(self) -> Image.Image:
        """The image as a PIL image."""
        image: Any = self.image
        if isinstance(image, np.ndarray):
            values = image if image.dtype == np.uint8 else (image.clip(0, 1) * 255).round()
            return Image.fromarray(values.astype(np.uint8))
        if isinstance(self.image, Tensor):
            if len(self.image) != 1:
                raise DreamCleanError(
                    f"the result holds {len(self.image)} images and a file takes one; restore a list of pictures "
                    "instead of a batch, and save each result"
                )
            return Picture(self.image).with_pixels(self.image)
        picture: Image.Image = image
        return picture

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows; None, and it shows the ``repr``, for several images."""
        if isinstance(self.image, Tensor) and len(self.image) != 1:
            return None
        return carrying(self._picture(), self.recipe)._repr_png_()

    def __repr__(self) -> str:
        image: Any = self.image
        if isinstance(image, Image.Image):
            what = f"{image.mode} picture {image.width} x {image.height}"
        else:
            what = f"{type(image).__name__} {tuple(image.shape)}"
        found = "".join(f", {report.summary()}" for report in self.reports)
        what += f" of {len(self.frames)}" if self.frames else ""
        return f"Restoration({what}{found}, {self.nfe} evaluations, {self.seconds:.1f} s)"


def carrying(image: Image.Image, recipe: Recipe) -> Image.Image:
    """``image``, set up so that ``image.save("x.png")`` writes the recipe with it (Pillow's ``encoderinfo``)."""
    image.encoderinfo = {"pnginfo": png_text(recipe.to_json(), image.info.get("xmp"))}
    return image


def joined(parts: Sequence[Restoration[Tensor]], recipe: Recipe) -> Restoration[Tensor]:
    """Restorations of single images (1, 3, H, W) as one of their batch; ``nfe`` is the largest of them."""
    return Restoration(
        torch.cat([part.image for part in parts]),
        max(part.nfe for part in parts),
        sum(part.seconds for part in parts),
        sum(part.prior_seconds for part in parts),
        recipe,
        [step for part in parts for step in part.trace],
        [report for part in parts for report in part.reports],
    )


def costing(made: Restoration[T], runs: Sequence[Restoration[Any]]) -> Restoration[T]:
    """``made``, with the evaluations and the time of all ``runs``."""
    return replace(
        made,
        nfe=sum(run.nfe for run in runs),
        seconds=sum(run.seconds for run in runs),
        prior_seconds=sum(run.prior_seconds for run in runs),
    )


def averaged(results: Sequence[Restoration[Tensor]]) -> Restoration[Tensor]:
    """The mean of ``results`` of the same images, with the cost of all and the trace of the first."""
    if len(results) == 1:
        return results[0]
    return replace(costing(results[0], results), image=torch.stack([result.image for result in results]).mean(0))
