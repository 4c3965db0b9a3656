"""Downsampling, the operator of super-resolution."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from dreamclean.builtin.operators.separable import SeparableOperator


class Downsample(SeparableOperator):
    """Downsampling by a whole factor: average pooling (DDRM's and the paper's SR) or antialiased bicubic.

    An image whose sides are no multiple of the factor loses the remainder at the bottom and right.
    """

    name = "downsample"
    factor: int = Field(default=4, ge=1, description="Factor by which each side shrinks")
    method: Literal["average", "bicubic"] = Field(
        default="average", description="Mean of blocks, or bicubic (a = -0.5)"
    )

    def full_size(self, size: int) -> int:
        return size * self.factor

    def degrade(self, x: Tensor) -> Tensor:
        height, width = (side - side % self.factor for side in x.shape[2:])
        return super().degrade(x[..., :height, :width])

    def matrix(self, size: int, axis: int) -> Tensor:
        if self.method == "average":
            return torch.eye(size // self.factor, dtype=torch.float64).repeat_interleave(self.factor, 1) / self.factor
        return _bicubic(size, self.factor)


def _bicubic(size: int, factor: int) -> Tensor:
    """Keys' cubic convolution kernel (1981, a = -0.5) stretched by ``factor``, rows normalised, (size/factor, size)."""
    centre = (torch.arange(size // factor, dtype=torch.float64) + 0.5) * factor - 0.5
    d = (torch.arange(size, dtype=torch.float64)[None] - centre[:, None]).abs() / factor
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    weights = torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))
    return weights / weights.sum(1, keepdim=True)
