"""Linear operators that act on rows and columns apart, inverted by two small singular value decompositions."""

from abc import abstractmethod
from functools import lru_cache

import torch
from torch import Tensor

from dreamclean.operators.base import LinearOperator

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
        rows, columns = (_cached(self, x.shape[2 + axis], axis)[0].to(x) for axis in (0, 1))
        return rows @ x @ columns.mT

    def adjoint(self, y: Tensor) -> Tensor:
        rows, columns = (_cached(self, self.full_size(y.shape[2 + axis]), axis)[0].to(y) for axis in (0, 1))
        return rows.mT @ y @ columns

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        """By the decomposition; of a variance that differs from pixel to pixel the mean is taken."""
        (_, u_h, s_h), (_, u_w, s_w) = (_cached(self, self.full_size(v.shape[2 + axis]), axis) for axis in (0, 1))
        singular = s_h[:, None] * s_w[None, :]
        kept = singular > _CUTOFF * singular.max()
        eigenvalues = gain * singular.square() + float(torch.as_tensor(variance).mean())
        inverse = torch.where(kept | (eigenvalues > gain * (_CUTOFF * singular.max()) ** 2), 1 / eigenvalues, 0.0)
        u_h, u_w, inverse = u_h.to(v), u_w.to(v), inverse.to(v)
        return u_h @ (inverse * (u_h.mT @ v @ u_w)) @ u_w.mT


@lru_cache(maxsize=8)
def _cached(operator: SeparableOperator, size: int, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """The matrix (m, n), the left singular vectors (m, m) and the singular values (m), float64."""
    matrix = operator.matrix(size, axis)
    u, s, _ = torch.linalg.svd(matrix, full_matrices=False)
    return matrix, u, s
