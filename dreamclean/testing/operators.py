"""Suites of the operators."""

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from dreamclean.builtin.guidance.projection import Projection
from dreamclean.builtin.priors.mixture import Mixture
from dreamclean.method.evaluator import Evaluator
from dreamclean.testing.component import DTYPES, ComponentSuite, Noise, Size, distance, pictures


class OperatorSuite(ComponentSuite):
    """An operator does what its contract says. ``size`` and ``odd_size`` may be set where it is choosy."""

    size: ClassVar[Size] = (24, 32)
    odd_size: ClassVar[Size] = (21, 27)
    kept: ClassVar[float] = 1e-3
    """How far, relative to its norm, a projection may move an image that agrees; above 0 where ``degrade`` rounds."""

    @pytest.fixture
    def exact(self, subject: Any) -> Any:
        """The operator without measurement noise."""
        return subject.model_copy(update={"noise": 0.0, "poisson": 0.0})

    @pytest.fixture
    def x(self) -> Tensor:
        return pictures(self.size)

    @DTYPES
    def test_dtype_and_batch_are_kept(self, exact: Any, dtype: torch.dtype) -> None:
        x = pictures(self.size, dtype)
        y = exact.degrade(x)
        assert (y.dtype, len(y)) == (dtype, 2)
        assert exact.measure(x).dtype == exact.start(y).dtype == dtype
        projected = exact.project(x.flip(3), y, 0.2)
        assert (projected.dtype, projected.shape) == (dtype, x.shape)

    def test_odd_size(self, exact: Any) -> None:
        y = exact.degrade(pictures(self.odd_size))
        start = exact.start(y)
        assert y.isfinite().all()
        assert start.isfinite().all()
        assert exact.degrade(start).shape == y.shape

    def test_image_shape(self, exact: Any, x: Tensor) -> None:
        for image in (x, pictures(self.odd_size)):
            y = exact.degrade(image)
            assert exact.degrade(torch.zeros(exact.image_shape(y))).shape == y.shape

    def test_inputs_are_left_alone(self, exact: Any, x: Tensor) -> None:
        y, other = exact.degrade(x), x.flip(3)
        copies = [v.clone() for v in (x, y, other)]
        exact.measure(x, torch.Generator().manual_seed(0))
        exact.project(other, y, 0.2)
        exact.start(y)
        assert all(map(torch.equal, copies, (x, y, other)))

    def test_degrade_is_repeatable(self, exact: Any, x: Tensor) -> None:
        assert torch.equal(exact.degrade(x), exact.degrade(x))

    def test_rest_of_the_batch_does_not_matter(self, exact: Any, x: Tensor) -> None:
        y, other = exact.degrade(x), x.flip(3)
        assert distance(exact.degrade(x[1:]), y[1:]) < 1e-5
        assert distance(exact.start(y[1:]), exact.start(y)[1:]) < 1e-4
        assert distance(exact.project(other[1:], y[1:], 0.2), exact.project(other, y, 0.2)[1:]) < 1e-4

    def test_noise_follows_the_generator(self, exact: Any, x: Tensor) -> None:
        noisy = exact.model_copy(update={"noise": 0.1})
        first, again, other = (noisy.measure(x, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_noise_has_its_standard_deviation(self, exact: Any, x: Tensor) -> None:
        noisy = exact.model_copy(update={"noise": 0.1})
        noise = torch.stack([noisy.measure(x, torch.Generator().manual_seed(s)) for s in range(64)]) - exact.degrade(x)
        assert abs(float(noise.std()) - 0.1) < 0.01

    def test_estimate_that_agrees_is_kept(self, exact: Any, x: Tensor) -> None:
        assert distance(exact.project(x, exact.degrade(x), 0.2), x) < self.kept

    def test_projection_brings_agreement(self, exact: Any, x: Tensor) -> None:
        y, other = exact.degrade(x), x.flip(3)
        assert distance(exact.degrade(exact.project(other, y, 0.2)), y) < 0.9 * distance(exact.degrade(other), y)

    def test_worthless_measurement_changes_nothing(self, exact: Any, x: Tensor) -> None:
        noisy, other = exact.model_copy(update={"noise": 1e3}), x.flip(3)
        assert distance(noisy.project(other, exact.degrade(x), 0.2), other) < 1e-3

    def test_guided_estimate_is_consistent(self, exact: Any, x: Tensor) -> None:
        prior = Mixture.around(x, std=0.1)
        level = prior.schedule.at(300)
        latent = level.a * prior.encode(x) + level.s * Noise(0, 1)(x)
        eps, x0 = Evaluator(prior, Projection(), exact, exact.degrade(x)).denoise(latent, level)
        assert distance(level.a * x0 + level.s * eps, latent) < 1e-4

    def test_viewable_measurement_is_a_picture(self, exact: Any, x: Tensor) -> None:
        if not exact.viewable:
            pytest.skip("a measurement is no picture")
        y = exact.degrade(x)
        assert y.ndim == 4
        assert y.shape[1] in (1, 3)
        shown = exact.from_picture(y.expand(-1, 3, -1, -1)).shape
        assert shown == y.shape, "let from_picture(pixels) of one channel return pixels.mean(1, keepdim=True)"


class LinearOperatorSuite(OperatorSuite):
    """A linear operator is linear, and its adjoint, ``solve`` and ``project`` belong to it.

    ``small_size`` is that of the images on which the operator is written out as a matrix. ``accuracy`` is
    the relative error allowed where A is inverted without noise; an ill-conditioned one that is left to
    conjugate gradients needs more than the default.
    """

    small_size: ClassVar[Size] = (8, 8)
    accuracy: ClassVar[float] = 1e-5

    def test_linearity(self, exact: Any, x: Tensor) -> None:
        u, v = x, x.flip(2, 3)
        assert distance(exact.degrade(2 * u - 3 * v), 2 * exact.degrade(u) - 3 * exact.degrade(v)) < 1e-5

    @DTYPES
    def test_adjoint_passes_the_dot_product_test(self, exact: Any, dtype: torch.dtype) -> None:
        """<A x, v> = <x, A^T v> for any x and v."""
        x = pictures(self.size, dtype)
        ax = exact.degrade(x)
        v = Noise(0, 1)(ax)
        left, right = (ax * v).sum(), (x * exact.adjoint(v)).sum()
        rounding = 1e-5 if dtype == torch.float32 else 1e-10
        assert abs(left - right) <= rounding * ax.norm() * v.norm()

    def test_pseudo_inverse(self, exact: Any, x: Tensor) -> None:
        """A A^+ A = A."""
        y = exact.degrade(x)
        assert distance(exact.degrade(exact.pseudo_inverse(y)), y) < self.accuracy

    def test_projection_without_noise_is_exact(self, exact: Any, x: Tensor) -> None:
        y = exact.degrade(x)
        assert distance(exact.degrade(exact.project(x.flip(3), y, 0.2)), y) < self.accuracy

    @pytest.mark.parametrize("variance", [1.0, 0.01])
    def test_solve_is_that_of_the_matrix(self, exact: Any, variance: float) -> None:
        """A^T (g A A^T + variance)^-1 v."""
        a, v = self._matrix(exact), self._measurement(exact)
        gram = 2.0 * a @ a.T + variance * torch.eye(len(a), dtype=a.dtype)
        wanted = torch.linalg.solve(gram, v.flatten(1).T).T @ a
        assert distance(exact.solve(v, 2.0, variance).flatten(1), wanted) < 1e-4

    def test_noisy_projection_is_the_posterior_mean(self, exact: Any) -> None:
        """x0 + r^2 A^T (r^2 A A^T + noise^2)^-1 (y - A x0)."""
        a, y = self._matrix(exact), self._measurement(exact)
        x0, noise, std = pictures(self.small_size, torch.float64), 0.05, 0.2
        gram = std**2 * a @ a.T + noise**2 * torch.eye(len(a), dtype=a.dtype)
        residual = y.flatten(1) - x0.flatten(1) @ a.T
        wanted = x0.flatten(1) + std**2 * torch.linalg.solve(gram, residual.T).T @ a
        projected = exact.model_copy(update={"noise": noise}).project(x0, y, std)
        assert distance(projected.flatten(1), wanted) < 1e-4

    def _matrix(self, operator: Any) -> Tensor:
        """A on small images, float64, a row for each number in a measurement."""
        pixels = 3 * self.small_size[0] * self.small_size[1]
        basis = torch.eye(pixels, dtype=torch.float64).view(pixels, 3, *self.small_size)
        matrix: Tensor = operator.degrade(basis).flatten(1).T
        return matrix

    def _measurement(self, operator: Any) -> Tensor:
        """Two noisy measurements of small images, float64."""
        y: Tensor = operator.degrade(pictures(self.small_size, torch.float64))
        return y + 0.1 * Noise(0, 1)(y)
