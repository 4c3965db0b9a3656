"""Suites of the operators."""

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from dreamclean.builtin.guidance.projection import Projection
from dreamclean.builtin.priors.mixture import Mixture
from dreamclean.contracts.covariance import silent
from dreamclean.contracts.levels import DDPMSchedule
from dreamclean.method.evaluator import Evaluator
from dreamclean.recipe.recipe import make_recipe
from dreamclean.testing.check import check, check_close, check_equal, distance
from dreamclean.testing.component import DTYPES, ComponentSuite, Noise, Size, pictures
from dreamclean.testing.loaded import loaded

NO_INVERSE = "A A+ A is not A: pseudo_inverse is not that of degrade; correct it, or leave it to conjugate gradients"
NO_SOLVE = "solve is not A^T (g A A^T + variance)^-1 v; correct it, or leave it to conjugate gradients"
SIZES = "override image_shape or start, which say what size of image a measurement is of"
BATCH = "depends on the rest of the batch; treat every image apart, with no mean or norm over the batch"


def _drawn(operator: Any, x: Tensor) -> float:
    """The mean variance of what ``measure`` draws."""
    return float(torch.stack([operator.measure(x, torch.Generator().manual_seed(s)) for s in range(64)]).var(0).mean())


def _said(operator: Any, y: Tensor) -> float:
    """The mean variance that ``noise_variance`` says."""
    return float(torch.as_tensor(operator.noise_variance(y.clamp(min=0))).to(y).expand_as(y).mean())


class OperatorSuite(ComponentSuite):
    """An operator does what its contract says. Set ``size`` and ``odd_size`` if it does not take pictures of every size."""

    size: ClassVar[Size] = (24, 32)
    odd_size: ClassVar[Size] = (21, 27)
    kept: ClassVar[float] = 1e-3
    """How far, relative to its norm, a projection may move an image that already agrees; set it above 0 if ``degrade`` rounds."""

    @pytest.fixture
    def exact(self, subject: Any) -> Any:
        """The operator without measurement noise."""
        return subject.model_copy(update={"noise": 0.0, "poisson": 0.0})

    @pytest.fixture
    def x(self) -> Tensor:
        return pictures(self.size)

    def test_its_recipe_is_one(self, subject: Any) -> None:
        recipe = make_recipe(**subject.recipe_for(DDPMSchedule.linear(), 0.5))
        check(recipe.prior is None and recipe.operator is None, "recipe_for is not to choose a prior or an operator")
        check(0 <= subject.least_eta <= 1, f"least_eta is {subject.least_eta}; give a share, 0 to 1")
        usual, least = subject.usual_eta, subject.least_eta
        check(least <= usual <= 1, f"usual_eta is {usual}; give a share from least_eta, {least}, to 1")

    @DTYPES
    def test_dtype_and_batch_are_kept(self, exact: Any, dtype: torch.dtype) -> None:
        x = pictures(self.size, dtype)
        y = exact.degrade(x)
        check(y.dtype == dtype, f"degrade makes {y.dtype} of {dtype}; compute in the dtype of x: tensor.to(x)")
        check(len(y) == 2, f"degrade makes {len(y)} measurements of 2 images; return one for each")
        projected, refined = exact.project(x.flip(3), y, 0.2), exact.dequantized(y, x.flip(3), 0.2)
        results = {"measure": exact.measure(x), "start": exact.start(y), "project": projected, "dequantized": refined}
        for name, made in results.items():
            check(made.dtype == dtype, f"{name} makes {made.dtype} of {dtype}; keep the dtype of its argument")
        shapes = f"project returns {tuple(projected.shape)}; return the shape of x0, {tuple(x.shape)}"
        check(projected.shape == x.shape, shapes)
        shapes = f"dequantized returns {tuple(refined.shape)}; return the shape of y, {tuple(y.shape)}"
        check(refined.shape == y.shape, shapes)

    def test_odd_size(self, exact: Any) -> None:
        y = exact.degrade(pictures(self.odd_size))
        start = exact.start(y)
        check(y.isfinite().all(), f"degrade makes NaN or infinity of an image of {self.odd_size}; pad, or set odd_size")
        check(start.isfinite().all(), f"start makes NaN or infinity for an image of {self.odd_size}")
        again = tuple(exact.degrade(start).shape)
        check(again == tuple(y.shape), f"start makes an image measured as {again}, not {tuple(y.shape)}; {SIZES}")

    def test_image_shape(self, exact: Any, x: Tensor) -> None:
        for image in (x, pictures(self.odd_size)):
            y = exact.degrade(image)
            again = tuple(exact.degrade(torch.zeros(exact.image_shape(y))).shape)
            check(again == tuple(y.shape), f"image_shape's image is measured as {again}, not {tuple(y.shape)}; {SIZES}")
            shape = tuple(exact.image_shape(y))
            check(shape[:2] == (2, 3), f"image_shape says {shape}; images are (B, 3, H, W), whatever is measured")

    def test_inputs_are_left_alone(self, exact: Any, x: Tensor) -> None:
        y, other = exact.degrade(x), x.flip(3)
        copies = [v.clone() for v in (x, y, other)]
        exact.measure(x, torch.Generator().manual_seed(0))
        exact.project(other, y, 0.2)
        exact.start(y)
        for name, copy, given in zip(
            ("the image", "the measurement", "the estimate"), copies, (x, y, other), strict=True
        ):
            check_equal(given, copy, f"{name} was changed; work on a copy (x = x + ..., not x += ...)")

    def test_degrade_is_repeatable(self, exact: Any, x: Tensor) -> None:
        otherwise = "degrade differs from call to call; draw what is random from a seed that is a setting"
        check_equal(exact.degrade(x), exact.degrade(x), otherwise)

    def test_rest_of_the_batch_does_not_matter(self, exact: Any, x: Tensor) -> None:
        y, other = exact.degrade(x), x.flip(3)
        check_close(exact.degrade(x[1:]), y[1:], 1e-5, f"degrade {BATCH}")
        check_close(exact.start(y[1:]), exact.start(y)[1:], 1e-4, f"start {BATCH}")
        alone, both = exact.project(other[1:], y[1:], 0.2), exact.project(other, y, 0.2)
        check_close(alone, both[1:], 1e-4, f"project {BATCH}")
        alone, both = exact.dequantized(y[1:], other[1:], 0.2), exact.dequantized(y, other, 0.2)
        check_close(alone, both[1:], 1e-4, f"dequantized {BATCH}")

    def test_noise_follows_the_generator(self, exact: Any, x: Tensor) -> None:
        noisy = exact.model_copy(update={"noise": 0.1})
        first, again, other = (noisy.measure(x, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
        check_equal(first, again, "measure differs for one seed; draw all its noise from the generator")
        check(not first.equal(other), "measure is the same for two seeds; draw its noise from the generator")

    @pytest.mark.parametrize("settings", [{"noise": 0.1}, {"poisson": 0.5}], ids=str)
    def test_noise_has_the_variance_that_is_said(self, exact: Any, x: Tensor, settings: dict[str, float]) -> None:
        noisy, y = exact.model_copy(update=settings), exact.degrade(x)
        drawn, said = (_drawn(noisy, x) - _drawn(exact, x), _said(noisy, y) - _said(exact, y))  # what the setting adds
        off = f"measure draws noise of variance {drawn:.3g}, noise_variance says {said:.3g}"
        check(abs(drawn - said) <= 0.1 * said, f"{off}; let both say the same of {settings}")

    def test_estimate_that_agrees_is_kept(self, exact: Any, x: Tensor) -> None:
        otherwise = "project moves an image that agrees with its measurement; add A+ (y - A x0), which is 0 there"
        check_close(exact.project(x, exact.degrade(x), 0.2), x, self.kept, otherwise)

    def test_projection_brings_agreement(self, exact: Any, x: Tensor) -> None:
        y, other = exact.degrade(x), x.flip(3)
        if distance(exact.degrade(other), y) < 1e-4:  # it does not see such a change
            other = x.flip(2)
        before, after = (distance(exact.degrade(image), y) for image in (other, exact.project(other, y, 0.2)))
        otherwise = f"project brings an image no nearer to its measurement ({before:.2g} before, {after:.2g} after)"
        check(after < 0.9 * before, f"{otherwise}; correct the adjoint or project, or leave them out")

    def test_worthless_measurement_changes_nothing(self, exact: Any, x: Tensor) -> None:
        noisy, other = exact.model_copy(update={"noise": 1.0}), x.flip(3)
        otherwise = "project follows a measurement of 5000 times the estimate's noise; weigh it, or leave project out"
        check_close(noisy.project(other, exact.degrade(x), 0.0002), other, 1e-3, otherwise)

    def test_guided_estimate_is_consistent(self, exact: Any, x: Tensor) -> None:
        model = loaded(Mixture.around(x, std=0.1))
        level = model.schedule.at(300)
        latent = level.alpha * model.codec.encode(x) + level.sigma * Noise(0, 1)(x)
        eps, x0 = Evaluator(model, Projection(), exact, exact.degrade(x)).denoise(latent, level)
        otherwise = "the guided eps and x0 are not of the latent; project must return an image"
        check_close(level.alpha * x0 + level.sigma * eps, latent, 1e-4, otherwise)

    def test_viewable_measurement_is_a_picture(self, exact: Any, x: Tensor) -> None:
        if not exact.viewable:
            pytest.skip("a measurement is not a picture")
        y = exact.degrade(x)
        picture = y.ndim == 4 and y.shape[1] in (1, 3)
        otherwise = f"a measurement of shape {tuple(y.shape)} is not a picture (B, 1 or 3, H, W); set viewable = False"
        check(picture, otherwise)
        read = tuple(exact.from_picture(y.expand(-1, 3, -1, -1)).shape)
        otherwise = "of one channel let from_picture(pixels) return pixels.mean(1, keepdim=True)"
        check(read == tuple(y.shape), f"from_picture makes {read} of a picture, not {tuple(y.shape)}; {otherwise}")


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
        otherwise = "degrade is not linear: A(2u - 3v) is not 2 A u - 3 A v; derive from Operator, not LinearOperator"
        check_close(exact.degrade(2 * u - 3 * v), 2 * exact.degrade(u) - 3 * exact.degrade(v), 1e-5, otherwise)

    @DTYPES
    def test_adjoint_passes_the_dot_product_test(self, exact: Any, dtype: torch.dtype) -> None:
        """<A x, v> = <x, A^T v> for any x and v."""
        x = pictures(self.size, dtype)
        ax = exact.degrade(x)
        v = Noise(0, 1)(ax)
        left, right = (ax * v).sum(), (x * exact.adjoint(v)).sum()
        rounding = 1e-5 if dtype == torch.float32 else 1e-10
        off = float(abs(left - right) / (ax.norm() * v.norm()))
        otherwise = f"<A x, v> and <x, A^T v> differ by {off:.2g} of the norms, where {rounding:g} is allowed"
        check(off <= rounding, f"{otherwise}: adjoint is not that of degrade; correct it, or leave it to autograd")

    def test_pseudo_inverse(self, exact: Any, x: Tensor) -> None:
        """A A^+ A = A."""
        y = exact.degrade(x)
        check_close(exact.degrade(exact.pseudo_inverse(y)), y, self.accuracy, NO_INVERSE)

    def test_projection_without_noise_is_exact(self, exact: Any, x: Tensor) -> None:
        y = exact.degrade(x)
        if not silent(exact.noise_covariance(y)):
            pytest.skip("it has noise of its own")
        otherwise = "without noise a projected image is not measured as y; correct project, or leave it out"
        check_close(exact.degrade(exact.project(x.flip(3), y, 0.2)), y, self.accuracy, otherwise)

    @pytest.mark.parametrize("variance", [1.0, 0.01])
    def test_solve_is_that_of_the_matrix(self, exact: Any, variance: float) -> None:
        """A^T (g A A^T + variance)^-1 v."""
        a, v = self._matrix(exact), self._measurement(exact)
        gram = 2.0 * a @ a.T + variance * torch.eye(len(a), dtype=a.dtype)
        wanted = torch.linalg.solve(gram, v.flatten(1).T).T @ a
        check_close(exact.solve(v, 2.0, variance).flatten(1), wanted, 1e-4, NO_SOLVE)

    def test_noisy_projection_is_the_posterior_mean(self, exact: Any) -> None:
        """x0 + r^2 A^T (r^2 A A^T + S)^-1 (y - A x0), S the covariance of the noise."""
        a, y = self._matrix(exact), self._measurement(exact)
        x0, noise, std = pictures(self.small_size, torch.float64), 0.05, 0.2
        noisy = exact.model_copy(update={"noise": noise})
        unit = torch.eye(len(a), dtype=a.dtype).view(len(a), *y.shape[1:])
        covariance = torch.cat([noisy.noise_covariance(y[:1]).times(one[None]).flatten(1) for one in unit])
        gram = std**2 * a @ a.T + covariance
        residual = y.flatten(1) - x0.flatten(1) @ a.T
        wanted = x0.flatten(1) + std**2 * torch.linalg.solve(gram, residual.T).T @ a
        projected = noisy.project(x0, y, std)
        otherwise = (
            "project is not x0 + r^2 A^T (r^2 A A^T + S)^-1 (y - A x0), S noise_covariance; correct it, or leave it out"
        )
        check_close(projected.flatten(1), wanted, 1e-4, otherwise)

    def _matrix(self, operator: Any) -> Tensor:
        """The matrix A for small images, float64, with one row for each number of a measurement."""
        pixels = 3 * self.small_size[0] * self.small_size[1]
        basis = torch.eye(pixels, dtype=torch.float64).view(pixels, 3, *self.small_size)
        matrix: Tensor = operator.degrade(basis).flatten(1).T
        check(matrix.numel(), f"of an image of {self.small_size} nothing is measured; set small_size to a larger one")
        return matrix

    def _measurement(self, operator: Any) -> Tensor:
        """Two noisy measurements of small images, float64."""
        y: Tensor = operator.degrade(pictures(self.small_size, torch.float64))
        return y + 0.1 * Noise(0, 1)(y)
