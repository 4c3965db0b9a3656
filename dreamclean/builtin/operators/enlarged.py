"""A picture that was enlarged: small once, at its present size without the detail."""

import math
from functools import lru_cache

import torch
from pydantic import Field, field_validator
from torch import Tensor

from dreamclean.builtin.operators.resampling import Enlarging, Shrinking, enlargement, reduction, smaller_side
from dreamclean.builtin.operators.separable import Axis, SeparableOperator, decomposed, inverted
from dreamclean.contracts.component import FloatList
from dreamclean.contracts.operator import Operator


class Resized(Operator):
    """A degradation in which a picture was made smaller by a factor and enlarged again to the size that it had."""

    factor: FloatList = Field(
        default=(2.0,), min_length=1, max_length=2, description="How much smaller it was; vertical/horizontal if two"
    )
    method: Enlarging = Field(
        default="bicubic", description="How it was enlarged; bicubic-0.75 is torch's and OpenCV's"
    )
    shrunk: Shrinking = Field(default="bicubic", description="How it was made smaller")

    @field_validator("factor")
    @classmethod
    def _factor(cls, factor: tuple[float, ...]) -> tuple[float, ...]:
        if not all(1 <= f <= 64 for f in factor):
            raise ValueError("factor must be from 1 to 64")
        return factor


class Enlarged(Resized, SeparableOperator):
    """Made smaller by a factor, whole or not, and enlarged again to the size that it had.

    y = U (D x + grain) + noise: ``shrunk`` is the kernel of D, ``method`` that of U. The small picture has
    round(side / factor) pixels a side. With grain the measurement is first reduced to it by the pseudo-inverse of U,
    which loses nothing of it, and the noise is taken for white there.
    """

    name = "enlarged"
    grain: float = Field(
        default=0.0, ge=0, le=1, description="Standard deviation of the noise of the small picture, [0, 1] scale"
    )

    def full_size(self, size: int) -> int:
        return size

    def matrix(self, size: int, axis: int) -> Tensor:
        return self._up(size, axis) @ self._down(size, axis)

    def small(self, y: Tensor) -> Tensor:
        """The small picture (B, C, h, w) of an enlarged one (B, C, H, W): U^+ y, least squares."""
        rows, columns = (_reduced(self, y.shape[2 + axis], axis)[0].to(y) for axis in (0, 1))
        return rows @ y @ columns.mT

    def enlarge(self, small: Tensor, height: int, width: int) -> Tensor:
        """U: a small picture (B, C, h, w) at the size (B, C, height, width)."""
        return self._up(height, 0).to(small) @ small @ self._up(width, 1).to(small).mT

    def shrink(self, x: Tensor) -> Tensor:
        """D: images (B, C, H, W) as small pictures (B, C, h, w)."""
        rows, columns = (_reduced(self, x.shape[2 + axis], axis)[1].matrix.to(x) for axis in (0, 1))
        return rows @ x @ columns.mT

    def spread(self, small: Tensor, height: int, width: int) -> Tensor:
        """D^T: small pictures (B, C, h, w) to images (B, C, height, width)."""
        rows, columns = (_reduced(self, side, axis)[1].matrix.to(small) for axis, side in enumerate((height, width)))
        return rows.mT @ small @ columns

    def measure(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        y = super().measure(x, generator)
        if not self.grain:
            return y
        shape = (*x.shape[:2], *(self._side(x.shape[2 + axis], axis) for axis in (0, 1)))
        grain = self.grain * torch.randn(shape, generator=generator, dtype=x.dtype).to(x.device)
        return y + self.enlarge(grain, *x.shape[2:])

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        if not self.grain:
            return super().solve(v, gain, variance)
        inverses, axes = zip(*(_reduced(self, v.shape[2 + axis], axis) for axis in (0, 1)), strict=True)
        amplified = math.prod(float(inverse.square().sum(1).mean()) for inverse in inverses)  # white noise through U^+
        noise = self.grain**2 + amplified * float(torch.as_tensor(variance).float().mean())
        rows, columns = axes
        return inverted(rows, columns, self.small(v), gain, noise)

    def _side(self, size: int, axis: int) -> int:
        return smaller_side(size, self.factor[-1 if axis else 0])

    def _up(self, size: int, axis: int) -> Tensor:
        return enlargement(self._side(size, axis), size, self.method)

    def _down(self, size: int, axis: int) -> Tensor:
        return reduction(size, self._side(size, axis), self.shrunk)


@lru_cache(maxsize=8)
def _reduced(operator: Enlarged, size: int, axis: int) -> tuple[Tensor, Axis]:
    """Along one axis: U^+ (small, size), and D."""
    return torch.linalg.pinv(operator._up(size, axis)), decomposed(operator._down(size, axis))
