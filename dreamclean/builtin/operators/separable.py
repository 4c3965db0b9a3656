"""Linear operators that act on rows and columns separately, inverted by two small singular value decompositions."""

from abc import abstractmethod
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from dreamclean.contracts.operator import LinearOperator

_CUTOFF = 1e-6  # singular values below this share of the largest count as zero, without noise
_NULL = 1e-13  # below this share they are rounding errors


class SeparableOperator(LinearOperator):
    """y = R x C^T in every channel, with ``matrix(H)`` = R and ``matrix(W)`` = C."""

    @abstractmethod
    def matrix(self, size: int, axis: int) -> Tensor:
        """The operator along one axis (0: columns of length H, 1: rows of length W), (size', size), float64."""

    @abstractmethod
    def full_size(self, size: int) -> int:
        """The image's side for a measurement of side ``size``."""

    def image_shape(self, y: Tensor) -> torch.Size:
        return torch.Size((*y.shape[:2], self.full_size(y.shape[2]), self.full_size(y.shape[3])))

    def degrade(self, x: Tensor) -> Tensor:
        rows, columns = (_matrix(self, x.shape[2 + axis], axis).to(x) for axis in (0, 1))
        return rows @ x @ columns.mT

    def adjoint(self, y: Tensor) -> Tensor:
        rows, columns = (_matrix(self, self.full_size(y.shape[2 + axis]), axis).to(y) for axis in (0, 1))
        return rows.mT @ y @ columns

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        """By the decomposition; if the variance differs from pixel to pixel, with each image's mean."""
        rows, columns = (_decomposed(self, self.full_size(v.shape[2 + axis]), axis) for axis in (0, 1))
        return inverted(rows, columns, v, gain, of_each(variance, v))


class Axis(NamedTuple):
    """An operator along one axis with its singular value decomposition, all float64."""

    matrix: Tensor
    left: Tensor
    singular: Tensor
    right: Tensor


def decomposed(matrix: Tensor) -> Axis:
    """The matrix (m, n), left singular vectors (m, k), singular values (k), right singular vectors (k, n); k is the rank."""
    left, singular, right = torch.linalg.svd(matrix, full_matrices=False)
    rank = int((singular > _NULL * singular.max()).sum())
    return Axis(matrix, left[:, :rank], singular[:rank], right[:rank])


def of_each(variance: Tensor | float, v: Tensor) -> Tensor:
    """The mean variance of each image of ``v`` (B, 1, 1, 1), or the one of all (), float64 on the CPU."""
    values = torch.as_tensor(variance)
    return (values.expand(v.shape).mean((1, 2, 3), keepdim=True) if values.ndim else values).cpu().double()


def inverted(rows: Axis, columns: Axis, v: Tensor, gain: float, noise: Tensor) -> Tensor:
    """A^T (gain A A^T + noise)^-1 v, by the decompositions; least squares where that is singular. ``noise``: ``of_each``."""
    singular = rows.singular[:, None] * columns.singular[None, :]
    kept = singular > torch.where(noise > 0, 0.0, _CUTOFF) * singular.max()
    factor = torch.where(kept, singular / (gain * singular.square() + noise), 0.0).to(v)
    return rows.right.to(v).mT @ (factor * (rows.left.to(v).mT @ v @ columns.left.to(v))) @ columns.right.to(v)


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # both are kept for others, who may want gradients
def _matrix(operator: SeparableOperator, size: int, axis: int) -> Tensor:
    return operator.matrix(size, axis)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _decomposed(operator: SeparableOperator, size: int, axis: int) -> Axis:
    return decomposed(_matrix(operator, size, axis))
