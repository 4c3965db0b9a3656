"""Linear operators that act on rows and columns separately, inverted by two small singular value decompositions."""

from abc import abstractmethod
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from dreamclean.contracts.operator import LinearOperator

_CUTOFF = 1e-6  # singular values below this share of the largest count as zero


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
        rows, columns = (_cached(self, x.shape[2 + axis], axis).matrix.to(x) for axis in (0, 1))
        return rows @ x @ columns.mT

    def adjoint(self, y: Tensor) -> Tensor:
        rows, columns = (_cached(self, self.full_size(y.shape[2 + axis]), axis).matrix.to(y) for axis in (0, 1))
        return rows.mT @ y @ columns

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        """By the decomposition; if the variance differs from pixel to pixel, with its mean."""
        h, w = (_cached(self, self.full_size(v.shape[2 + axis]), axis) for axis in (0, 1))
        singular = h.singular[:, None] * w.singular[None, :]
        noise = float(torch.as_tensor(variance).float().mean())
        kept = singular > (0 if noise else _CUTOFF) * singular.max()
        factor = torch.where(kept, singular / (gain * singular.square() + noise), 0.0).to(v)
        return h.right.to(v).mT @ (factor * (h.left.to(v).mT @ v @ w.left.to(v))) @ w.right.to(v)


class _Axis(NamedTuple):
    """An operator along one axis with its singular value decomposition, all float64."""

    matrix: Tensor
    left: Tensor
    singular: Tensor
    right: Tensor


@lru_cache(maxsize=8)
def _cached(operator: SeparableOperator, size: int, axis: int) -> _Axis:
    """The matrix (m, n), left singular vectors (m, k), singular values (k), right singular vectors (k, n)."""
    matrix = operator.matrix(size, axis)
    return _Axis(matrix, *torch.linalg.svd(matrix, full_matrices=False))
