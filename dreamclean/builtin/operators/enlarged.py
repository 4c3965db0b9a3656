"""A picture that was enlarged: small once, at its present size without the detail."""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from pydantic import Field, field_validator
from torch import Tensor

from dreamclean.builtin.operators.resampling import Enlarging, Shrinking, enlargement, reduction, smaller_side
from dreamclean.builtin.operators.separable import Axis, SeparableOperator, decomposed, inverted, of_each
from dreamclean.contracts.component import FloatList
from dreamclean.contracts.covariance import Covariance
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
        grain = self.grain * torch.randn(shape, generator=generator, dtype=x.dtype, device="cpu").to(x.device)
        return y + self.enlarge(grain, *x.shape[2:])

    def noise_variance(self, y: Tensor) -> Tensor | float:
        return super().noise_variance(y) + self.grain**2 * self._amplified(y)

    def noise_covariance(self, y: Tensor) -> Covariance:
        """With grain S = grain^2 U U^T + the mean variance of the other noise. (``project`` needs it in chains alone.)"""
        return GrainOfSmall(self, of_each(super().noise_variance(y), y)) if self.grain else super().noise_covariance(y)

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        if not self.grain:
            return super().project(x0, y, std)
        rows, columns = (_reduced(self, y.shape[2 + axis], axis)[1] for axis in (0, 1))
        noise = self.grain**2 + self.reduced_noise(*y.shape[2:]) * of_each(super().noise_variance(y), y)
        return x0 + std**2 * inverted(rows, columns, self.small(y - self.degrade(x0)), std**2, noise)

    def reduced_noise(self, height: int, width: int) -> float:
        """The variance in the small picture of white noise of variance 1 in an enlarged one: the mean diagonal of (U^T U)^-1."""
        ups = (_up(self, size, axis) for axis, size in enumerate((height, width)))
        return math.prod(float(up.singular.square().reciprocal().sum()) / up.right.shape[1] for up in ups)

    def _amplified(self, y: Tensor) -> float:
        """The mean diagonal of U U^T: variance of an enlarged pixel, of the small picture's white noise of variance 1."""
        sides = enumerate(y.shape[2:])
        return math.prod(float(_up(self, size, axis).singular.square().sum()) / size for axis, size in sides)

    def _side(self, size: int, axis: int) -> int:
        return smaller_side(size, self.factor[-1 if axis else 0])

    def _up(self, size: int, axis: int) -> Tensor:
        return enlargement(self._side(size, axis), size, self.method)

    def _down(self, size: int, axis: int) -> Tensor:
        return reduction(size, self._side(size, axis), self.shrunk)


class GrainOfSmall(Covariance):
    """S = grain^2 U U^T + white: noise of a small picture, enlarged by U, and noise of the variance ``white`` (``of_each``)."""

    def __init__(self, operator: Enlarged, white: Tensor) -> None:
        self._operator, self._white = operator, white

    def times(self, v: Tensor) -> Tensor:
        return self._function(v, lambda variance: variance)

    def solve(self, v: Tensor, gain: float) -> Tensor:
        return self._function(v, lambda variance: 1 / (gain + variance))

    def _function(self, v: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
        """f(S) v, f of the eigenvalues of S: on U's left singular vectors, and of ``white`` on all that is at right angles to them."""
        rows, columns = (_up(self._operator, size, axis) for axis, size in enumerate(v.shape[2:]))
        grain = (self._operator.grain * rows.singular[:, None] * columns.singular).square()
        left, right = rows.left.to(v), columns.left.to(v)
        factor = f(grain + self._white) - f(self._white)
        return f(self._white).to(v) * v + left @ (factor.to(v) * (left.mT @ v @ right)) @ right.mT


@lru_cache(maxsize=8)
def _up(operator: Enlarged, size: int, axis: int) -> Axis:
    """U along one axis."""
    return decomposed(operator._up(size, axis))


@lru_cache(maxsize=8)
def _reduced(operator: Enlarged, size: int, axis: int) -> tuple[Tensor, Axis]:
    """Along one axis: U^+ (small, size), and D."""
    up = _up(operator, size, axis)
    return up.right.mT @ (up.left.mT / up.singular[:, None]), decomposed(operator._down(size, axis))
