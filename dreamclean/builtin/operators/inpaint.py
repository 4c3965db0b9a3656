"""Inpainting: some pixels are known, the others are not."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from pydantic import Field, PrivateAttr, field_validator, model_validator
from torch import Tensor

from dreamclean.builtin.operators import bitmap
from dreamclean.builtin.operators.changed import changed
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import LinearOperator
from dreamclean.pictures.picture import Picture

NEAR = 2
"""How far away a known pixel says much about a lost one, in pixels."""
ALONE = 0.01
"""Share of lost pixels that may have no known one so near."""


class Inpaint(LinearOperator):
    """Keep the pixels under a mask, set the others to 0: a mask file, a mask as text, or a random share."""

    name = "inpaint"
    mask: Path | None = Field(
        default=None, description="Picture file: white where pixels are known, black where they are lost"
    )
    bitmap: str | None = Field(
        default=None, repr=False, description="A mask as text, as Inpaint.of(known) writes it: a PNG file in base64"
    )
    share: float = Field(default=0.5, ge=0, lt=1, description="Without a mask: share of pixels lost at random")
    seed: int = Field(default=0, ge=0, description="Without a mask: seed of the random choice")

    _changed: int | None = PrivateAttr(None)

    @property
    def least_eta(self) -> float:  # type: ignore[override]
        """1 where lost pixels are strewn among known ones, which say them better than noise that is kept: there is nothing to draw."""
        return 1.0 if _strewn(self) else super().least_eta

    @field_validator("bitmap")
    @classmethod
    def _is_mask(cls, text: str | None) -> str | None:
        if text is not None:
            _mask(text)
        return text

    @model_validator(mode="after")
    def _one_mask(self) -> Self:
        if self.mask and self.bitmap:
            raise ValueError("give a mask or a bitmap, not both")
        self._changed = changed(self.mask)
        return self

    @classmethod
    def of(cls, known: Tensor, **settings: Any) -> Self:
        """The operator with a mask (1, 1, H, W) or (H, W), true where pixels are known; a recipe carries it."""
        return cls(bitmap=bitmap.to_text(bitmap.single(known).bool()), **settings)

    def image_shape(self, y: Tensor) -> torch.Size:
        return y.shape

    def known(self, height: int, width: int) -> Tensor:
        """1 where a pixel is known, 0 where it is lost, shape (1, 1, height, width)."""
        return _known(self, height, width).clone()

    def degrade(self, x: Tensor) -> Tensor:
        return x * _known(self, *x.shape[2:]).to(x)

    def completed(self, y: Tensor, made: Tensor) -> Tensor | None:
        return None if self.poisson else torch.where(_known(self, *y.shape[2:]).to(y) > 0, y, made)

    def from_picture(self, pixels: Tensor) -> Tensor:
        """The picture under the mask: in a file lost pixels may show anything."""
        return self.degrade(pixels)

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        known = _known(self, *v.shape[2:]).to(v)
        return known * v / (gain + variance)


@lru_cache(maxsize=4)
@torch.inference_mode(False)  # it is kept for others, who may want gradients
def _known(operator: Inpaint, height: int, width: int) -> Tensor:
    given = _given(operator)
    if given is None:
        chance = torch.rand(
            height, width, generator=torch.Generator().manual_seed(operator.seed), dtype=torch.float32, device="cpu"
        )
        return (chance >= operator.share).float()[None, None]
    return _fitting(given, str(operator.mask or "the bitmap"), height, width)


@lru_cache(maxsize=4)
def _strewn(operator: Inpaint) -> bool:
    """Whether all but a few lost pixels have known ones among those around them."""
    given = _given(operator)
    if given is None:
        return operator.share ** (2 * NEAR + 1) ** 2 < ALONE
    alone = F.max_pool2d(given, 2 * NEAR + 1, stride=1, padding=NEAR) == 0
    return bool(alone.sum() <= ALONE * (given == 0).sum())


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def _given(operator: Inpaint) -> Tensor | None:
    """The mask that was given; None: pixels are lost at random."""
    if operator.bitmap is not None:
        return _mask(operator.bitmap).float()
    if operator.mask is None:
        return None
    return (Picture.open(operator.mask, float("inf")).pixels.mean(1, keepdim=True) > 0.5).float()


def _mask(text: str) -> Tensor:
    return bitmap.from_text(text, "1", "Inpaint.of(known)")


def _fitting(known: Tensor, name: str, height: int, width: int) -> Tensor:
    """``known``; DreamCleanError where it is not of the image's size."""
    if known.shape[2:] != (height, width):
        size = f"{known.shape[3]}x{known.shape[2]}"
        raise DreamCleanError(f"{name} is {size}, the image {width}x{height}; give a mask of the image's size")
    return known
