"""The singular value decomposition A = U S V^T of the kernel's linear operators, for methods that work in its basis."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import (
    Blur,
    Colorize,
    DreamCleanError,
    Identity,
    Inpaint,
    LinearOperator,
    Operator,
    Prior,
    SeparableOperator,
)
from dreamclean.builtin.operators.kernels import rank_one
from dreamclean_bench.method import LinearMethod, Problem

_NULL = 1e-6
"""Singular values up to this share of the largest are zero but for rounding."""


class _Axis(NamedTuple):
    """The decomposition along one axis of length n, float64; what is beyond the operator's rank is zero."""

    left: Tensor
    """U, (m, n)."""
    singular: Tensor
    """S, (n)."""
    right: Tensor
    """V, (n, n): right singular vectors as columns, those of the null space too."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A = U S V^T, with U, S and V products over channels, rows and columns.

    Coefficients z have the shape of the image, (B, 3, H, W), whatever the measurement's is.
    """

    axes: tuple[_Axis | None, _Axis | None, _Axis | None]
    """Channels, rows, columns; None: the identity."""
    singular: Tensor
    """Singular values, float64, broadcastable to (B, 3, H, W); zero on the null space."""

    def to(self, x: Tensor) -> Tensor:
        """V^T x: images to coefficients."""
        return _apply([axis and axis.right.mT for axis in self.axes], x)

    def back(self, z: Tensor) -> Tensor:
        """V z: coefficients to images."""
        return _apply([axis and axis.right for axis in self.axes], z)

    def measured(self, y: Tensor) -> Tensor:
        """U^T y: each coefficient's measurement, zero on the null space."""
        return _apply([axis and axis.left.mT for axis in self.axes], y) * (self.singular > 0).to(y)

    def degrade(self, x: Tensor) -> Tensor:
        """U S V^T x."""
        return _apply([axis and axis.left for axis in self.axes], self.singular.to(x) * self.to(x))

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        """V S^+ U^T y."""
        return self.back(self.solved(y))

    def solved(self, y: Tensor) -> Tensor:
        """S^+ U^T y: what the measurement says of each coefficient, zero on the null space."""
        inverse = torch.where(self.singular > 0, 1 / self.singular, 0.0)
        return inverse.to(y) * self.measured(y)

    def noise(self, sigma: float, like: Tensor) -> Tensor:
        """sigma / S: standard deviation of the error of ``solved``, infinite on the null space."""
        return torch.where(self.singular > 0, sigma / self.singular, float("inf")).to(like)


class SpectralMethod(LinearMethod):
    """A method that works on the coefficients of a singular value decomposition."""

    cutoff: float = Field(
        default=0.03,
        ge=0,
        lt=1,
        description="Singular values along one axis up to this count as zero (3e-2 in the DDRM code)",
    )

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        why = super().refuses(operator, prior)
        known = operator is not None and has_spectrum(operator)
        return why or ("" if known else "needs an operator with a known singular value decomposition")

    def spectrum(self, problem: Problem) -> Spectrum:
        """The decomposition of the problem's operator. DreamCleanError if there is none."""
        assert problem.operator is not None
        return spectrum(problem.operator, problem.operator.image_shape(problem.y), self.cutoff)


def has_spectrum(operator: Operator) -> bool:
    """Whether ``spectrum`` knows the operator."""
    if isinstance(operator, Blur):
        return rank_one(operator.kernel()) is not None
    return isinstance(operator, SeparableOperator | Colorize | Inpaint | Identity)


def spectrum(operator: Operator, image_shape: torch.Size, cutoff: float = 0.0) -> Spectrum:
    """The decomposition of ``operator`` on images of ``image_shape`` (B, 3, H, W).

    Singular values up to ``cutoff`` count as zero: of channels, rows and columns each, before they are multiplied, as
    in the DDRM code; products up to 1e-6 of the largest do in any case. DreamCleanError for an operator whose decomposition is not known.
    """
    if not isinstance(operator, LinearOperator) or not has_spectrum(operator):
        raise DreamCleanError(f"{operator.name}: its singular value decomposition is not known")
    full = _decomposed(operator, *image_shape[1:])
    kept = full.singular > _NULL * full.singular.max()
    for dim, axis in enumerate(full.axes, 1):
        if axis is not None:
            kept = kept & (axis.singular > cutoff).view([-1 if k == dim else 1 for k in range(4)])
    return Spectrum(full.axes, torch.where(kept, full.singular, 0.0))


@lru_cache(maxsize=8)
def _decomposed(operator: LinearOperator, channels: int, height: int, width: int) -> Spectrum:
    """The decomposition with every singular value, checked once against the operator itself."""
    found = _known(operator, height, width)
    x = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = operator.degrade(x)
    if operator.image_shape(y) != x.shape:
        raise DreamCleanError(f"{operator.name}: no image of {width}x{height} belongs to one of its measurements")
    if not torch.allclose(found.degrade(x), y.double(), atol=1e-5):  # a subclass with a degrade of its own
        raise DreamCleanError(f"{operator.name}: its degrade is not what its class has a decomposition of")
    return found


def _known(operator: LinearOperator, height: int, width: int) -> Spectrum:
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    if isinstance(operator, SeparableOperator):
        rows, columns = _axis(operator.matrix(height, 0)), _axis(operator.matrix(width, 1))
        return Spectrum((None, rows, columns), (rows.singular[:, None] * columns.singular)[None, None])
    if isinstance(operator, Colorize):
        channels = _axis(torch.tensor([operator.weights], dtype=torch.float64))
        return Spectrum((channels, None, None), channels.singular[None, :, None, None])
    if isinstance(operator, Inpaint):
        return Spectrum((None, None, None), operator.known(height, width).double())
    return Spectrum((None, None, None), one)


def _axis(matrix: Tensor) -> _Axis:
    """The decomposition of ``matrix`` (m, n)."""
    u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=True)
    (m, n), rank = matrix.shape, len(s)
    left, singular = matrix.new_zeros(m, n, dtype=torch.float64), matrix.new_zeros(n, dtype=torch.float64)
    left[:, :rank], singular[:rank] = u[:, :rank], s
    return _Axis(left, singular, vh.mT.contiguous())


def _apply(matrices: list[Tensor | None], x: Tensor) -> Tensor:
    """``matrices`` applied along channels, rows and columns of ``x`` (B, C, H, W)."""
    for dim, matrix in enumerate(matrices, 1):
        if matrix is not None:
            x = torch.tensordot(matrix.to(x), x, dims=([1], [dim])).movedim(0, dim)
    return x
