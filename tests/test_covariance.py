"""The covariance of a measurement's noise, and projections that weigh with it."""

import pytest
import torch
from torch import Tensor

from dreamclean import Covariance, Independent, LinearOperator, Operator
from dreamclean.contracts.least_squares import weighted_solve
from dreamclean.testing.component import pictures

N = 3 * 6 * 6


class Full(Covariance):
    """Any matrix, on measurements of N numbers; its preconditioner knows the diagonal alone."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix

    def times(self, v: Tensor) -> Tensor:
        return (v.flatten(1) @ self.matrix).view_as(v)

    def solve(self, v: Tensor, gain: float) -> Tensor:
        return (v.flatten(1) / (gain + self.matrix.diagonal())).view_as(v)


def covariance() -> Tensor:
    root = torch.randn(N, N, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return 1e-3 * root @ root.T / N + 1e-4 * torch.eye(N, dtype=torch.float64)


class Smear(LinearOperator):
    name = "smear"

    def degrade(self, x: Tensor) -> Tensor:
        return 0.6 * x + 0.4 * x.roll(1, 3)

    def noise_covariance(self, y: Tensor) -> Covariance:
        return Full(covariance().to(y))


class Bent(Operator):
    """A map that is linear, but does not say so."""

    name = "bent"

    def degrade(self, x: Tensor) -> Tensor:
        return Smear().degrade(x)

    def noise_covariance(self, y: Tensor) -> Covariance:
        return Smear().noise_covariance(y)


def posterior_mean(x0: Tensor, y: Tensor, std: float) -> Tensor:
    basis = torch.eye(N, dtype=torch.float64).view(N, 3, 6, 6)
    a = Smear().degrade(basis).flatten(1).T
    residual = y.flatten(1) - x0.flatten(1) @ a.T
    gram = std**2 * a @ a.T + covariance()
    return x0 + (std**2 * torch.linalg.solve(gram, residual.T).T @ a).view_as(x0)


@pytest.mark.parametrize("operator", [Smear(), Bent()], ids=["linear", "linearised"])
def test_project_weighs_with_the_covariance(operator: Operator) -> None:
    x0, y = pictures((6, 6), torch.float64), pictures((6, 6), torch.float64).flip(3)
    assert (operator.project(x0, y, 0.2) - posterior_mean(x0, y, 0.2)).abs().max() < 1e-4


def test_weighted_solve_keeps_the_batch_apart() -> None:
    b = pictures((6, 6), torch.float64)
    noise = Full(covariance())
    both, alone = (weighted_solve(Smear().degrade, Smear().adjoint, v, 0.1, noise) for v in (b, b[:1]))
    assert torch.allclose(both[:1], alone, atol=1e-8)


def test_weighted_solve_without_any_noise_stays_finite() -> None:
    """A singular system: the least-norm solution where there is one."""
    half = torch.ones(6).to(torch.float64)
    half[3:] = 0
    b = pictures((6, 6), torch.float64) * half
    x = weighted_solve(lambda v: half * v, lambda v: half * v, b, 1.0, Full(torch.zeros(N, N, dtype=torch.float64)))
    assert torch.allclose(x, b, atol=1e-6)


@pytest.mark.parametrize("variance", [0.04, torch.full((2, 3, 6, 6), 0.04, dtype=torch.float64)], ids=["one", "each"])
def test_independent_solve_is_its_own_inverse(variance: Tensor | float) -> None:
    v, noise = pictures((6, 6), torch.float64), Independent(variance)
    assert torch.allclose(noise.solve(0.5 * v + noise.times(v), 0.5), v)
