"""Inpainting: some pixels are known, the others are not."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field, PrivateAttr, field_validator, model_validator
from torch import Tensor

from dreamclean.builtin.operators import bitmap
from dreamclean.builtin.operators.changed import changed
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import LinearOperator
from dreamclean.pictures.picture import Picture


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
    if operator.bitmap is not None:
        return _fitting(_mask(operator.bitmap).float(), "the bitmap", height, width)
    if operator.mask is None:
        chance = torch.rand(
            height, width, generator=torch.Generator().manual_seed(operator.seed), dtype=torch.float32, device="cpu"
        )
        return (chance >= operator.share).float()[None, None]
    known = (Picture.open(operator.mask, float("inf")).pixels.mean(1, keepdim=True) > 0.5).float()
    return _fitting(known, str(operator.mask), height, width)


def _mask(text: str) -> Tensor:
    return bitmap.from_text(text, "1", "Inpaint.of(known)")


def _fitting(known: Tensor, name: str, height: int, width: int) -> Tensor:
    """``known``; DreamCleanError where it is not of the image's size."""
    if known.shape[2:] != (height, width):
        size = f"{known.shape[3]}x{known.shape[2]}"
        raise DreamCleanError(f"{name} is {size}, the image {width}x{height}; give a mask of the image's size")
    return known
