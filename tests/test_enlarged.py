"""The operator of an enlarged picture, and the matrices that resize."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamclean import JPEG, Downsample, DreamCleanError, Enlarged, Faded, Identity, Operator
from dreamclean.builtin.operators.resampling import enlargement, interpolation, reduction, smaller_side

PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def resized(x: Tensor, size: int, method: str) -> Tensor:
    """Pillow's resize of a floating-point image, to a square."""
    return torch.from_numpy(np.asarray(Image.fromarray(x.float().numpy()).resize((size, size), PILLOW[method])).copy())


@pytest.mark.parametrize("size", [39, 52, 61, 104])
@pytest.mark.parametrize("method", list(PILLOW))
def test_enlarged_is_pillows(method: str, size: int) -> None:
    """The border too, for whole factors and others."""
    x = rand(26, 26)
    matrix = enlargement(26, size, method)  # type: ignore[arg-type]
    expected = resized(x, size, method)
    if method == "nearest" and size in (39, 61):  # centres that lie between two pixels may go either way
        assert ((matrix @ x @ matrix.T - expected).abs() > 1e-6).double().mean() < 0.6
        return
    assert (matrix @ x @ matrix.T - expected).abs().max() < 1e-6


@pytest.mark.parametrize("size", [37, 52, 104])
def test_enlarged_with_three_quarters_is_torchs(size: int) -> None:
    x, matrix = rand(26, 26), enlargement(26, size, "bicubic-0.75")
    expected = F.interpolate(x[None, None], size=size, mode="bicubic", align_corners=False)[0, 0]
    assert (matrix @ x @ matrix.T - expected).abs().max() < 1e-12
    other = enlargement(26, size, "bicubic")
    assert (other @ x @ other.T - expected).abs().max() > 1e-3


@pytest.mark.parametrize("size", [26, 21, 13, 8])
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos"])
def test_reduced_is_pillows(method: str, size: int) -> None:
    x, matrix = rand(26, 26), reduction(26, size, method)  # type: ignore[arg-type]
    assert (matrix @ x @ matrix.T - resized(x, size, method)).abs().max() < 1e-6


def test_reduced_by_area_keeps_the_mean() -> None:
    """Each pixel counts by the area that it shares with the new one: 5 pixels to 2 are 2.5 each."""
    matrix = reduction(5, 2, "average")
    assert matrix.tolist() == [[0.4, 0.4, pytest.approx(0.2), 0, 0], [0, 0, pytest.approx(0.2), 0.4, 0.4]]


def test_interpolation_keeps_constants() -> None:
    centres = torch.linspace(-0.5, 9.5, 40, dtype=torch.float64)
    for method in ("nearest", "bilinear", "bicubic", "bicubic-0.75", "lanczos"):
        assert (interpolation(centres, 10, method).sum(1) - 1).abs().max() < 1e-12


@pytest.mark.parametrize(("size", "factor", "small"), [(10, 4, 3), (9, 4, 2), (192, 2.5, 77), (3, 8, 1)])
def test_smaller_side_rounds(size: int, factor: float, small: int) -> None:
    assert smaller_side(size, factor) == small


@pytest.mark.parametrize("method", ["nearest", "bicubic", "lanczos"])
@pytest.mark.parametrize("factor", [(2.0,), (1.5,), (2.0, 3.0)])
def test_enlarged_agrees_with_a_measurement_without_noise(factor: tuple[float, ...], method: str) -> None:
    operator = Enlarged(factor=factor, method=method)
    x = rand(1, 3, 24, 30)
    y = operator.degrade(x)
    assert y.shape == x.shape
    assert (operator.degrade(operator.project(rand(1, 3, 24, 30, seed=1), y, 0.3)) - y).abs().max() < 1e-6


def test_enlarged_of_a_whole_factor_is_downsample_enlarged() -> None:
    x, operator = rand(1, 3, 24, 32), Enlarged(factor=(4.0,), shrunk="average")
    small = Downsample(factor=4).degrade(x)
    assert (operator.degrade(x) - operator.enlarge(small, 24, 32)).abs().max() < 1e-12
    assert (operator.small(operator.degrade(x)) - small).abs().max() < 1e-10


def check_grain(operator: Enlarged) -> None:
    """A projection with noise on the small picture is that of ``downsample`` with as much noise."""
    x0, y = rand(1, 3, 24, 32), operator.degrade(rand(1, 3, 24, 32, seed=1))
    downsample = Downsample(factor=2, method="bicubic", noise=operator.grain)
    expected = downsample.project(x0, operator.small(y), 0.1)
    assert (operator.project(x0, y, 0.1) - expected).abs().max() < 1e-6


class GrainAsNoise(Enlarged):
    """Broken: the small picture's noise is taken for noise of the large one."""

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        return Enlarged(factor=self.factor, noise=self.grain).project(x0, y, std)


def test_enlarged_with_grain_projects_as_downsample_does() -> None:
    check_grain(Enlarged(factor=(2.0,), grain=0.05))
    with pytest.raises(AssertionError):
        check_grain(GrainAsNoise(factor=(2.0,), grain=0.05))


def test_enlarged_measures_grain_on_the_small_picture() -> None:
    operator = Enlarged(factor=(2.0,), grain=0.1)
    flat = torch.full((1, 3, 64, 64), 0.5, dtype=torch.float64)
    y = operator.measure(flat, torch.Generator().manual_seed(0))
    grain = operator.small(y) - 0.5
    assert float(grain.std()) == pytest.approx(0.1, rel=0.1)
    assert (operator.enlarge(grain, 64, 64) + 0.5 - y).abs().max() < 1e-9


def test_enlarged_noise_is_that_of_the_measurement() -> None:
    """S = grain^2 U U^T + noise^2, of 500 measurements."""
    operator = Enlarged(factor=(2.0,), grain=0.1, noise=0.02)
    flat, generator = torch.full((500, 3, 8, 8), 0.5, dtype=torch.float64), torch.Generator().manual_seed(0)
    off = (operator.measure(flat, generator) - operator.degrade(flat)).view(-1, 64)
    seen = off.T @ off / len(off)
    basis = torch.eye(64, dtype=torch.float64).view(64, 1, 8, 8)
    covariance = operator.noise_covariance(flat[:1])
    said = covariance.times(basis).view(64, 64)
    assert float((seen - said).norm() / said.norm()) < 0.1
    assert float(torch.as_tensor(operator.noise_variance(flat))) == pytest.approx(float(said.diagonal().mean()))
    assert (covariance.solve(covariance.times(basis) + 0.3 * basis, 0.3) - basis).abs().max() < 1e-12


@pytest.mark.parametrize(
    "chain",
    [lambda one: Identity() @ one, lambda one: one @ Faded(black=(0.1,)), lambda one: JPEG(quality=(90,)) @ one],
    ids=["before", "after", "before a codec"],
)
def test_enlarged_keeps_its_grain_in_a_chain(chain: Callable[[Enlarged], Operator]) -> None:
    x0, y = rand(1, 3, 24, 32), rand(1, 3, 24, 32, seed=1)
    still, grainy = (chain(Enlarged(factor=(2.0,), grain=grain, noise=0.01)).project(x0, y, 0.1) for grain in (0, 0.3))
    assert (grainy - x0).norm() < 0.5 * (still - x0).norm()  # it is trusted less


def test_enlarged_in_a_chain_projects_as_alone() -> None:
    operator = Enlarged(factor=(2.0,), grain=0.05, noise=0.01)
    x0, y = rand(1, 3, 24, 32), operator.measure(rand(1, 3, 24, 32, seed=1), torch.Generator().manual_seed(2))
    alone, chained = operator.project(x0, y, 0.1), (Identity() @ operator).project(x0, y, 0.1)
    assert (alone - chained).abs().max() < 0.01 < (alone - x0).abs().max()


@pytest.mark.parametrize("factor", [0.5, 65])
def test_enlarged_factor_is_bounded(factor: float) -> None:
    with pytest.raises(DreamCleanError, match="from 1 to 64"):
        Enlarged(factor=(factor,))
