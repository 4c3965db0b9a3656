"""Conjugate gradients for a batch of systems (Hestenes & Stiefel 1952)."""

from collections.abc import Callable

import torch
from torch import Tensor


def _dot(u: Tensor, v: Tensor) -> Tensor:
    """Inner product of each batch element, shaped to broadcast over it."""
    return (u * v).flatten(1).sum(1).view(-1, *[1] * (u.ndim - 1))


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor], b: Tensor, tolerance: float = 1e-6, iterations: int = 200, restarts: int = 4
) -> Tensor:
    """Solve ``apply(z) = b`` for each element of the batch; ``apply`` is symmetric and positive semidefinite.

    It stops where the residual is ``tolerance`` of ``b`` (2-norm). Restarting from the true residual takes
    back what rounding has spoilt. For a singular system with ``b`` in the range the result is the
    least-norm solution.
    """
    z, size = torch.zeros_like(b), _dot(b, b)
    for _ in range(restarts):
        r = b - apply(z) if z.any() else b
        p, rr = r, _dot(r, r)
        for _ in range(iterations):
            active = rr > tolerance**2 * size
            if not active.any():
                break
            ap = apply(p)
            curvature = _dot(p, ap)
            active = active & (curvature > 0)
            alpha = torch.where(active, rr / torch.where(active, curvature, 1), 0)
            z, r = z + alpha * p, r - alpha * ap
            new = _dot(r, r)
            p = r + torch.where(active, new / torch.where(active, rr, 1), 0) * p
            rr = new
        if not (rr > tolerance**2 * size).any() and _converged(apply, z, b, tolerance):
            break
    return z


def _converged(apply: Callable[[Tensor], Tensor], z: Tensor, b: Tensor, tolerance: float) -> bool:
    r = b - apply(z)
    return bool((_dot(r, r) <= 4 * tolerance**2 * _dot(b, b)).all())
