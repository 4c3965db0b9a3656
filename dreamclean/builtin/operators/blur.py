"""Blur: uniform, Gaussian, defocus, motion, or any kernel."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, PrivateAttr, model_validator
from torch import Tensor

from dreamclean.builtin.operators import kernels
from dreamclean.builtin.operators.changed import changed
from dreamclean.builtin.operators.convolution import full, inverse, symmetric, valid
from dreamclean.builtin.operators.separable import SeparableOperator
from dreamclean.contracts.component import FloatList
from dreamclean.contracts.covariance import Independent
from dreamclean.contracts.double import double
from dreamclean.contracts.least_squares import weighted_solve
from dreamclean.contracts.operator import LinearOperator

Boundary = Literal["reflect", "zero", "circular"]
"""The pixels beyond the edge: the picture mirrored, black, or the picture repeated."""

_MEANS = {"file": "file", "length": "motion", "angle": "motion", "std": "gaussian"}
"""Settings that only one form of kernel has."""


ITERATIONS = 40
"""Of conjugate gradients with noise, at most; only slanting motion needs more, at the border, where a diffusion step does not wait for it."""

LARGE = 1024
"""Side in pixels above which a square of it is too much, in memory and for a decomposition."""


class Blur(SeparableOperator):
    """Convolution with a kernel: uniform, Gaussian, defocus (a disc), motion or a file's.

    A kernel that is a column times a row is inverted in closed form, in a large picture as any other: where the noise is even and
    the border mirrored or repeated by a cosine or Fourier transform, else by conjugate gradients. Where ``shape``
    is not said, ``std`` means Gaussian, ``length`` or ``angle`` motion, and ``file`` a file.
    """

    name = "blur"
    shape: Literal["uniform", "gaussian", "defocus", "motion", "file"] = Field(
        default="uniform", description="Form of the kernel"
    )
    size: int = Field(default=9, ge=1, description="Uniform, Gaussian: side of the kernel, an odd number of pixels")
    std: FloatList = Field(
        default=(3.0,), min_length=1, max_length=2, description="Gaussian: std in pixels; vertical/horizontal if two"
    )
    radius: float = Field(default=3.0, gt=0, le=100, description="Defocus: radius of the disc in pixels")
    length: float = Field(default=15.0, ge=1, description="Motion: length in pixels")
    angle: float = Field(default=0.0, description="Motion: degrees anticlockwise from the horizontal")
    width: float = Field(
        default=0.0, ge=0, le=100, description="Motion: std in pixels of the Gaussian across the line; 0: a thin line"
    )
    file: Path | None = Field(default=None, description="File: a picture of the kernel, brighter is heavier")
    boundary: Boundary = Field(
        default="reflect", description="Beyond the border: the image mirrored, black, or its other side"
    )

    _changed: int | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _shape(cls, settings: dict[str, Any]) -> dict[str, Any]:
        meant = [shape for name, shape in _MEANS.items() if settings.get(name) is not None]
        return {"shape": meant[0], **settings} if meant else settings

    @model_validator(mode="after")
    def _check(self) -> "Blur":
        if self.size % 2 == 0:
            raise ValueError(f"size must be odd, so that the blur does not move the image (got {self.size})")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        if (self.shape == "file") != (self.file is not None):
            raise ValueError("shape=file goes with file=KERNEL.png")
        self._changed = changed(self.file)
        return self

    def kernel(self) -> Tensor:
        """The kernel, float64, odd sides, sum 1."""
        return _kernel(self)[0].clone()

    def full_size(self, size: int) -> int:
        return size

    def matrix(self, size: int, axis: int) -> Tensor:
        column_and_row = _kernel(self)[1]
        assert column_and_row is not None
        taps = column_and_row[axis]
        index, outside = _neighbours(size, len(taps) // 2, self.boundary)
        seen, weights = (part.unfold(0, len(taps), 1) for part in (index, (~outside).to(taps)))
        rows = torch.arange(size)[:, None].expand_as(seen)
        return taps.new_zeros(size, size).index_put_((rows, seen), weights * taps.flip(0), accumulate=True)

    def _by_matrices(self, x: Tensor) -> bool:
        """Whether matrices do it: where they are small they are faster than sums and transforms."""
        return _kernel(self)[1] is not None and max(x.shape[2:]) <= LARGE

    def degrade(self, x: Tensor) -> Tensor:
        if self._by_matrices(x):
            return super().degrade(x)
        for axis in (2, 3):
            index, kept = self._around(x, x.shape[axis], axis)
            x = x.index_select(axis, index) * kept
        for factor in _factors(self):
            x = valid(x, factor)
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        if self._by_matrices(y):
            return super().adjoint(y)
        sizes = y.shape
        for factor in _factors(self):
            y = full(y, factor.flip(0, 1))
        for axis in (3, 2):
            index, kept = self._around(y, sizes[axis], axis)
            folded = y.new_zeros(*y.shape[:axis], sizes[axis], *y.shape[axis + 1 :])
            y = folded.index_add(axis, index, y * kept)
        return y

    def _around(self, x: Tensor, size: int, axis: int) -> tuple[Tensor, Tensor]:
        """Along an ``axis`` of ``size``: the pixels that the kernel sees, as indices, and whether they are of the picture."""
        index, outside = _neighbours(size, _kernel(self)[0].shape[axis - 2] // 2, self.boundary)
        return index.to(x.device), (~outside).to(x).view(-1, *[1] * (3 - axis))

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        if self._by_matrices(v):
            return super().solve(v, gain, variance)
        kernel = self.kernel()
        noise, mirrored = torch.as_tensor(variance), self.boundary == "reflect"
        least = float(noise.min())
        diagonal = self.boundary == "circular" or (mirrored and symmetric(kernel))
        if diagonal and 0 < least == float(noise.max()):
            return self.adjoint(inverse(kernel, v.shape, mirrored, gain, least)(v))
        exact = double(v)  # conjugate gradients lose digits where A is near singular
        if least <= 0:
            return LinearOperator.solve(self, exact, gain, variance).to(v)
        noise = noise.to(exact)
        near = inverse(kernel, v.shape, mirrored, gain, float(noise.mean()))
        return weighted_solve(
            self.degrade, self.adjoint, exact, gain, Independent(noise), iterations=ITERATIONS, precondition=near
        ).to(v)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _kernel(blur: Blur) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
    """The kernel, and its column and row where it has rank one."""
    if blur.shape == "uniform":
        kernel = kernels.uniform(blur.size)
    elif blur.shape == "gaussian":
        kernel = kernels.gaussian(blur.size, blur.std)
    elif blur.shape == "defocus":
        kernel = kernels.disc(blur.radius)
    elif blur.shape == "motion":
        kernel = kernels.motion(blur.length, blur.angle, blur.width)
    else:
        assert blur.file is not None
        kernel = kernels.from_file(blur.file)
    return kernel, kernels.rank_one(kernel)


def _factors(blur: Blur) -> tuple[Tensor, ...]:
    """Kernels that make the blur one after the other: a column and a row, where it has rank one."""
    kernel, separable = _kernel(blur)
    return (separable[0][:, None], separable[1][None]) if separable else (kernel,)


def _neighbours(size: int, reach: int, boundary: Boundary) -> tuple[Tensor, Tensor]:
    """For positions -reach ... size + reach - 1: the index of the pixel there, and whether it is black."""
    position = torch.arange(-reach, size + reach)
    if boundary == "circular":
        return position % size, torch.zeros_like(position, dtype=torch.bool)
    folded = position % (2 * size)
    mirrored = torch.where(folded < size, folded, 2 * size - 1 - folded)
    return mirrored, ((position < 0) | (position >= size)) & (boundary == "zero")
