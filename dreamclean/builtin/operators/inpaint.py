"""Inpainting: some pixels are known, the others are not."""

from functools import lru_cache
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import LinearOperator


class Inpaint(LinearOperator):
    """Keep the pixels under a mask, set the others to 0: a mask file, or a random share."""

    name = "inpaint"
    mask: Path | None = Field(
        default=None, description="Picture file: white where pixels are known, black where they are lost"
    )
    share: float = Field(default=0.5, ge=0, lt=1, description="Without a mask: share of pixels lost at random")
    seed: int = Field(default=0, ge=0, description="Without a mask: seed of the random choice")

    def image_shape(self, y: Tensor) -> torch.Size:
        return y.shape

    def known(self, height: int, width: int) -> Tensor:
        """1 where a pixel is known, 0 where it is lost, shape (1, 1, height, width)."""
        return _known(self, height, width)

    def degrade(self, x: Tensor) -> Tensor:
        return x * self.known(*x.shape[2:]).to(x)

    def from_picture(self, pixels: Tensor) -> Tensor:
        """The picture under the mask: in a file lost pixels may show anything."""
        return self.degrade(pixels)

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        known = self.known(*v.shape[2:]).to(v)
        return known * v / (gain + variance)


@lru_cache(maxsize=4)
def _known(operator: Inpaint, height: int, width: int) -> Tensor:
    if operator.mask is None:
        chance = torch.rand(height, width, generator=torch.Generator().manual_seed(operator.seed))
        return (chance >= operator.share).float()[None, None]
    from dreamclean.pictures.picture import Picture

    known = (Picture.open(operator.mask).pixels.mean(1, keepdim=True) > 0.5).float()
    if known.shape[2:] != (height, width):
        size = f"{known.shape[3]}x{known.shape[2]}"
        raise DreamCleanError(f"{operator.mask} is {size}, the image {width}x{height}; give a mask of the image's size")
    return known
