"""The contract of a prior."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.contracts.component import Component
from dreamclean.contracts.estimate import Estimate
from dreamclean.contracts.levels import Level, Schedule


class Prior(Component):
    """A pretrained model of clean images.

    Latents ``x`` are float tensors (B, C, H, W). For a pixel-space prior they are the image scaled to
    [-1, 1]; a latent prior overrides ``encode`` and ``decode``.
    """

    kind: ClassVar[str] = "prior"
    space: ClassVar[Literal["pixel", "latent"]] = "pixel"
    pixel_scale: ClassVar[float] = 0.5
    """Standard deviation in the image, [0, 1] scale, of a unit standard deviation in x."""

    @property
    @abstractmethod
    def schedule(self) -> Schedule:
        """The noise levels that the model knows."""

    @abstractmethod
    def predict(self, x: Tensor, level: Level) -> Estimate:
        """One evaluation at ``x`` (B, C, H, W), noise level ``level`` (paper, Eq. 10)."""

    def invert(self, x: Tensor, level: Level) -> Estimate:
        """One evaluation on the way up; a prior whose prediction is guided answers without guidance here."""
        return self.predict(x, level)

    def encode(self, image: Tensor) -> Tensor:
        """Image (B, 3, H, W) in [0, 1] to x."""
        return image * 2 - 1

    def decode(self, x: Tensor) -> Tensor:
        """x to image (B, 3, H, W), nominally in [0, 1]; nothing is clipped."""
        return (x + 1) / 2

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """Load what is needed and move it to ``device``; networks compute in ``dtype``. Called before a run."""

    @property
    def multiple(self) -> int:
        """What height and width must be a multiple of inside the model (callers need not care)."""
        return 1

    @property
    def native_size(self) -> int | None:
        """The side in pixels that the model was made for, or None for any. Larger pictures are cut into tiles."""
        return None

    @property
    def scale_factor(self) -> int:
        """Side in pixels of one element of x: 1 in pixel space, 8 for most latent models."""
        return 1

    @property
    def source(self) -> Path | None:
        """The file or folder that the model comes from, beside which planners keep what they know of it; else None."""
        return None

    def recipe_for(self, known_operator: bool) -> dict[str, Any]:
        """The recipe that suits this prior, blind or with a known operator; fields as in ``Recipe``."""
        return {}


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Pad height and width at the bottom and right, by reflection where the image is large enough."""
    height, width = x.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if not (down or right):
        return x
    mode = "reflect" if down < height and right < width else "replicate"
    return F.pad(x, (0, right, 0, down), mode=mode)
