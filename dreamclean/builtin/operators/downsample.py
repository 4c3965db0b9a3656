"""Downsampling, the operator of super-resolution."""

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from dreamclean.builtin.operators.resampling import Shrinking, reduction
from dreamclean.builtin.operators.separable import SeparableOperator


class Downsample(SeparableOperator):
    """Downsampling by a whole factor: average pooling (DDRM's and the paper's SR), or an antialiased kernel.

    An image whose sides are no multiple of the factor loses the remainder at the bottom and right.
    """

    name = "downsample"
    least_eta: ClassVar[float] = 0.7
    factor: int = Field(default=4, ge=1, description="Factor by which each side shrinks")
    method: Shrinking = Field(default="average", description="Mean of blocks, or a kernel (bicubic: a = -0.5)")

    @property
    def usual_eta(self) -> float:
        """A little less than halfway: LPIPS gains more than PSNR loses."""
        return 0.8

    def full_size(self, size: int) -> int:
        return size * self.factor

    def degrade(self, x: Tensor) -> Tensor:
        height, width = (side - side % self.factor for side in x.shape[2:])
        if not height or not width:
            return x.new_zeros(*x.shape[:2], height // self.factor, width // self.factor)
        return super().degrade(x[..., :height, :width])

    def matrix(self, size: int, axis: int) -> Tensor:
        return reduction(size, size // self.factor, self.method)
