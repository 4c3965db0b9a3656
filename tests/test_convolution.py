"""Convolution as a product of transforms: it is a convolution, and the inverse is one."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from dreamclean import Blur
from dreamclean.builtin.operators import kernels
from dreamclean.builtin.operators.blur import Boundary
from dreamclean.builtin.operators.convolution import SMALL, inverse, valid

NOISE = torch.randn(1, 2, 30, 41, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("kernel", [kernels.disc(1.5), kernels.disc(6.0), kernels.motion(15, 30)])
def test_valid_is_a_convolution(kernel: torch.Tensor) -> None:
    weight = kernel.flip(0, 1).expand(2, 1, *kernel.shape)
    torch.testing.assert_close(valid(NOISE, kernel), F.conv2d(NOISE, weight.to(NOISE), groups=2))


def test_valid_takes_both_ways() -> None:
    assert kernels.disc(1.5).numel() <= SMALL < kernels.disc(6.0).numel()


@pytest.mark.parametrize(
    "blur",
    [
        Blur(shape="defocus", radius=2.3),
        Blur(shape="defocus", radius=5.0),
        Blur(shape="defocus", radius=2.3, boundary="circular"),
        Blur(shape="motion", length=9, angle=40, boundary="circular"),
    ],
)
def test_inverse_is_exact(blur: Blur) -> None:
    near = inverse(blur.kernel(), NOISE.shape, blur.boundary == "reflect", 0.7, 0.02)
    back = 0.7 * blur.degrade(blur.adjoint(near(NOISE))) + 0.02 * near(NOISE)
    torch.testing.assert_close(back, NOISE)


def test_inverse_of_a_slanting_motion_is_near_within_the_picture() -> None:
    blur = Blur(shape="motion", length=7, angle=40)
    near = inverse(blur.kernel(), NOISE.shape, True, 0.7, 0.02)
    back = 0.7 * blur.degrade(blur.adjoint(near(NOISE))) + 0.02 * near(NOISE)
    inside = (..., slice(10, -10), slice(10, -10))
    assert float((back - NOISE)[inside].norm() / NOISE[inside].norm()) < 0.1
    assert float((back - NOISE).norm() / NOISE.norm()) > 0.02


@pytest.mark.parametrize("shape", ["defocus", "motion"])
def test_blur_solve_agrees_with_a_dense_solution(shape: str) -> None:
    blur = Blur(shape="defocus", radius=2.0) if shape == "defocus" else Blur(shape="motion", length=5, angle=25)
    v = NOISE[:, :1, :12, :14]
    matrix = torch.stack([blur.degrade(e.view(1, 1, 12, 14)).flatten() for e in torch.eye(168, dtype=torch.float64)], 1)
    wanted = matrix.T @ torch.linalg.solve(0.5 * matrix @ matrix.T + 0.03 * torch.eye(168).double(), v.flatten())
    found = blur.solve(v, 0.5, 0.03).flatten()
    assert float((found - wanted).norm() / wanted.norm()) < 1e-4


def test_blur_of_a_large_picture_needs_no_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """A square of the side in memory, and a decomposition of it, is too much for a photograph."""
    monkeypatch.setattr(Blur, "matrix", None)
    for settings in ({"std": (1.5, 0.7), "size": 11}, {"size": 5}, {"std": (2.0,), "size": 13, "boundary": "circular"}):
        operator = Blur(**settings, noise=0.02)
        x = torch.rand(1, 3, 40, 3000)
        y = operator.degrade(x)
        torch.testing.assert_close((y * x).sum(), (x * operator.adjoint(x)).sum(), rtol=1e-4, atol=0)
        made = operator.project(x, operator.measure(x, torch.Generator().manual_seed(0)), 0.1)
        assert made.shape == x.shape


@pytest.mark.parametrize("boundary", ["reflect", "zero", "circular"])
@pytest.mark.parametrize("settings", [{"std": (1.5, 0.7), "size": 11}, {"size": 5}, {"std": (9.0,), "size": 41}])
def test_blur_is_the_same_with_and_without_matrices(
    settings: dict[str, Any], boundary: Boundary, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, x = Blur(**settings, boundary=boundary, noise=0.02), torch.rand(1, 3, 20, 30, dtype=torch.float64)
    rows, columns = operator.matrix(20, 0), operator.matrix(30, 1)
    small = [operator.degrade(x), operator.adjoint(x), operator.solve(x, 0.3, 0.01)]
    monkeypatch.setattr("dreamclean.builtin.operators.blur.LARGE", 10)
    large = [operator.degrade(x), operator.adjoint(x), operator.solve(x, 0.3, 0.01)]
    torch.testing.assert_close(small[:2], [rows @ x @ columns.mT, rows.mT @ x @ columns])
    torch.testing.assert_close(large, small, rtol=1e-4, atol=1e-4)
