"""Least squares by conjugate gradients, for a batch of systems (CGLS: Hestenes & Stiefel 1952, section 10)."""

from collections.abc import Callable

import torch
from torch import Tensor

from dreamclean.contracts.covariance import Covariance, Independent

ROUNDING = 8.0
"""Adjoints are so many times less exact than the type: with 4 a dense matrix of 256 x 256 ended as it should, with 1 it did not."""
LEAST, FLOOR = 1e-6, 1e-5
"""Noise is at least that share of its mean; and where it is a function and the answer is not found, of the diagonal of gain A A^T: what
neither A nor the noise explains, such as the rounding of a picture that was enlarged, would grow without end."""


def _dot(u: Tensor, v: Tensor) -> Tensor:
    """Inner product of each batch element."""
    return (u * v).flatten(1).sum(1)


def _times(factor: Tensor, u: Tensor) -> Tensor:
    """Each batch element times its own factor."""
    return factor.view(-1, *[1] * (u.ndim - 1)) * u


def least_squares(
    forward: Callable[[Tensor], Tensor],
    adjoint: Callable[[Tensor], Tensor],
    b: Tensor,
    gain: float,
    variance: Tensor | float,
    tolerance: float | None = None,
    iterations: int = 1000,
) -> Tensor:
    """A^T (gain A A^T + S)^-1 b for each element of the batch; ``variance`` is S, a number or a diagonal shaped as b.

    It solves (gain A^T W A + s) x = A^T W b, s the mean of S and W = s / S, which is consistent whatever b is;
    without noise x is the least-norm solution A^+ b / gain. An element is done where the residual is
    ``tolerance`` of its first value (2-norm), or the gradient a tenth of that; by default 1e-6,
    in double precision 1e-8. It is done as well where the gradient is rounding, no more than a few times the type's precision, the
    residual and the norm of A: of a b outside A's range nothing else is left, and its part in the null space would grow without end.
    """
    tolerance = tolerance or (1e-8 if b.dtype == torch.float64 else 1e-6)
    noise = torch.as_tensor(variance, dtype=b.dtype, device=b.device)
    s = float(noise.mean())
    weight = s / noise.clamp(min=LEAST * s) if s > 0 else torch.ones_like(noise)
    r, g = b, adjoint(weight * b)
    p, x = g, torch.zeros_like(g)
    rr, gg = _dot(r, r), _dot(g, g)
    small_r, small_g = tolerance**2 * rr, (tolerance / 10) ** 2 * gg
    rounding, norm = (ROUNDING * torch.finfo(b.dtype).eps) ** 2, torch.zeros_like(rr)
    for _ in range(iterations):
        q = forward(p)
        passed, pp = _dot(q, weight * q), _dot(p, p)
        curvature = gain * passed + s * pp
        norm = torch.maximum(norm, passed / torch.where(pp > 0, pp, 1))
        active = (rr > small_r) & (gg > small_g) & (gg > rounding * norm * rr) & (curvature > 0)
        if not active.any():
            break
        alpha = torch.where(active, gg / torch.where(active, curvature, 1), 0)
        x, r = x + _times(alpha, p), r - _times(gain * alpha, q)
        g = adjoint(weight * r) - s * x
        rr, new = _dot(r, r), _dot(g, g)
        p, gg = g + _times(torch.where(active, new / torch.where(active, gg, 1), 0), p), new
    return x


def weighted_solve(
    forward: Callable[[Tensor], Tensor],
    adjoint: Callable[[Tensor], Tensor],
    b: Tensor,
    gain: float,
    noise: Covariance,
    tolerance: float | None = None,
    iterations: int = 100,
    precondition: Callable[[Tensor], Tensor] | None = None,
    floor: float = 0.0,
) -> Tensor:
    """A^T (gain A A^T + S)^-1 b for each element of the batch, with the noise's covariance S as a function.

    ``precondition`` is a symmetric positive guess at (gain A A^T + S)^-1; by default (gain c + S)^-1, c the mean of the
    diagonal of A A^T (from one probe), which is the answer where A A^T = c I. An element is done where the residual is ``tolerance`` of its first value (2-norm): by default
    1e-3, which is within 0.02 of 255 grey levels, in double precision 1e-6. One that is not done after ``iterations`` is solved anew
    with white noise of ``floor`` gain c besides, if that is above 0 (and no ``precondition`` given, which would not know of it).
    """
    tolerance = tolerance or (1e-6 if b.dtype == torch.float64 else 1e-3)
    level = gain * _diagonal(adjoint, b) if floor or precondition is None else 0.0

    def solved(white: float) -> tuple[Tensor, Tensor]:
        """The answer with ``white`` noise besides, and which elements are not done."""
        nearly = precondition or (lambda r: noise.solve(r, level + white))
        z, r = torch.zeros_like(b), b
        h = nearly(r)
        p, rh, enough = h, _dot(r, h), tolerance**2 * _dot(b, b)
        for _ in range(iterations):
            q = gain * forward(adjoint(p)) + noise.times(p) + white * p
            curvature = _dot(p, q)
            active = (_dot(r, r) > enough) & (curvature > 0)
            if not active.any():
                break
            alpha = torch.where(active, rh / torch.where(active, curvature, 1), 0)
            z, r = z + _times(alpha, p), r - _times(alpha, q)
            h = nearly(r)
            new = _dot(r, h)
            p, rh = h + _times(torch.where(active, new / torch.where(active, rh, 1), 0), p), new
        return adjoint(z), ~(_dot(r, r) <= enough)

    found, unfinished = solved(0.0)
    if not floor or not unfinished.any():
        return found
    again, _ = solved(floor * level)
    return torch.where(unfinished.view(-1, *[1] * (found.ndim - 1)), again, found)


def probe_like(b: Tensor) -> Tensor:
    """White noise shaped as ``b`` (B, ...), alike for all of a batch and at every call, wherever it lies."""
    drawn = torch.randn(b.shape[1:], generator=torch.Generator().manual_seed(0), dtype=torch.float32, device="cpu")
    return drawn.to(b).expand(b.shape)


def _diagonal(adjoint: Callable[[Tensor], Tensor], b: Tensor) -> float:
    """The mean of the diagonal of A A^T, from one probe."""
    probe = probe_like(b)
    return float(adjoint(probe).square().sum() / probe.square().sum())


def agreement(
    forward: Callable[[Tensor], Tensor],
    adjoint: Callable[[Tensor], Tensor],
    b: Tensor,
    gain: float,
    noise: Covariance,
) -> Tensor:
    """A^T (gain A A^T + S)^-1 b by the solver that suits the noise, to the tolerance that a projection needs."""
    if isinstance(noise, Independent):
        return least_squares(forward, adjoint, b, gain, noise.variance, tolerance=1e-5, iterations=100)
    return weighted_solve(forward, adjoint, b, gain, noise, floor=FLOOR)
