"""deepinv's physics as operators: adjoint, solutions against the dense matrix, noise, and what is refused."""

from collections.abc import Callable
from typing import Any

import deepinv.physics as dp
import pytest
import torch
from dreamclean_deepinv import PhysicsOperator
from torch import Tensor

from dreamclean import DreamCleanError

SHAPE = (3, 16, 16)


def _kernel(side: int = 5) -> Tensor:
    kernel = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(3))
    return kernel / kernel.sum()


def _varying() -> Any:
    filters = torch.stack([_kernel()[0], _kernel().flip(2)[0]], 1)[None]
    ramp = torch.linspace(0, 1, 16).expand(1, 1, 16, 16)
    physics = dp.SpaceVaryingBlur(padding="valid")
    physics.update_parameters(filters=filters, multipliers=torch.stack([ramp, 1 - ramp], 2))
    return physics


MAKERS: dict[str, Callable[[], Any]] = {
    "denoising": dp.Denoising,
    "inpainting": lambda: dp.Inpainting(SHAPE, mask=0.5, rng=torch.Generator().manual_seed(0)),
    "demosaicing": lambda: dp.Demosaicing(SHAPE),
    "blur": lambda: dp.Blur(filter=_kernel(), padding="reflect"),
    "blur-fft": lambda: dp.BlurFFT(SHAPE, filter=_kernel()),
    "space-varying blur": _varying,
    "downsampling": lambda: dp.Downsampling(img_size=SHAPE, factor=2, filter="gaussian", padding="circular"),
    "decolorize": dp.Decolorize,
    "compressed sensing": lambda: dp.CompressedSensing(
        m=200, img_size=SHAPE, channelwise=False, rng=torch.Generator().manual_seed(0)
    ),
    "single pixel": lambda: dp.SinglePixelCamera(
        m=100, img_size=SHAPE, fast=True, rng=torch.Generator().manual_seed(0)
    ),
    "structured random": lambda: dp.StructuredRandom(SHAPE, SHAPE, rng=torch.Generator().manual_seed(0)),
    "tomography": lambda: dp.Tomography(angles=10, img_width=16, normalize=False),
    "composed": lambda: dp.compose(dp.BlurFFT(SHAPE, filter=_kernel()), dp.Inpainting(SHAPE, mask=0.5)),
}


@pytest.fixture(params=MAKERS)
def physics(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return MAKERS[request.param]()


@pytest.fixture
def x() -> Tensor:
    return torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(1))


def test_operator_has_the_physics_adjoint(physics: Any, x: Tensor) -> None:
    operator = PhysicsOperator.of(physics, noise=0.0)
    y = operator.degrade(x)
    v = torch.randn(y.shape, generator=torch.Generator().manual_seed(2))
    there, back = (y * v).sum(), (x * operator.adjoint(v)).sum()
    assert abs(there - back) <= 1e-3 * float(y.norm() * v.norm())
    assert operator.image_shape(y) == x.shape


def _matrix(operator: PhysicsOperator) -> Tensor:
    """A as a matrix, in float64."""
    basis = torch.eye(3 * 16 * 16).reshape(-1, *SHAPE)
    return operator.degrade(basis).flatten(1).mT.double()


@pytest.mark.parametrize("variance", [0.01, 0.5])
def test_operator_solves_as_the_dense_matrix(physics: Any, x: Tensor, variance: float) -> None:
    operator = PhysicsOperator.of(physics, noise=0.0)
    matrix, y = _matrix(operator), operator.degrade(x)
    gram = 0.3 * matrix @ matrix.mT + variance * torch.eye(len(matrix), dtype=torch.float64)
    wanted = torch.linalg.solve(gram, y.flatten(1).double().mT).mT @ matrix
    made = operator.solve(y, 0.3, variance).flatten(1).double()
    assert (made - wanted).norm() <= 2e-3 * wanted.norm()


def test_operator_inverts_where_the_noise_is_zero(physics: Any, x: Tensor) -> None:
    operator = PhysicsOperator.of(physics, noise=0.0)
    y = operator.degrade(x)
    again = operator.degrade(operator.pseudo_inverse(y))
    assert (again - y).norm() <= 2e-2 * y.norm()


@pytest.mark.parametrize(
    ("model", "variance"),
    [
        (dp.GaussianNoise(0.1), 0.1**2),
        (dp.UniformNoise(0.3), 0.3**2 / 3),
        (dp.PoissonNoise(0.02), 0.02 * 0.6),
        (dp.PoissonGaussianNoise(gain=0.02, sigma=0.1), 0.02 * 0.6 + 0.1**2),
        (dp.ZeroNoise(), 0.0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else "",
)
def test_operator_noise_is_the_physics_own(model: Any, variance: float) -> None:
    grey = torch.full((1, 3, 128, 128), 0.6)
    physics = dp.Denoising(model)
    operator = PhysicsOperator.of(physics)
    assert torch.as_tensor(operator.noise_variance(grey)).mean() == pytest.approx(variance, rel=1e-4, abs=1e-12)
    torch.manual_seed(0)
    assert float(physics(grey).var()) == pytest.approx(variance, rel=0.05)
    assert float(operator.measure(grey, torch.Generator().manual_seed(0)).var()) == pytest.approx(variance, rel=0.05)


def test_operator_of_refuses_what_it_cannot() -> None:
    with pytest.raises(DreamCleanError, match=r"Haze is not a deepinv.physics.LinearPhysics; restore blind"):
        PhysicsOperator.of(dp.Haze())
    with pytest.raises(DreamCleanError, match="noise SaltPepperNoise is none that DreamClean knows; say"):
        PhysicsOperator.of(dp.Denoising(dp.SaltPepperNoise()))
    with pytest.raises(DreamCleanError, match="differs within the batch"):
        PhysicsOperator.of(dp.Denoising(dp.GaussianNoise(torch.tensor([0.1, 0.2]))))
    grey = PhysicsOperator.of(dp.Inpainting((1, 8, 8), mask=0.5))
    with pytest.raises(DreamCleanError, match="Inpainting is over images"):
        grey.image_shape(torch.rand(1, 1, 8, 8))


def test_operator_keeps_its_physics_in_a_changed_copy(x: Tensor) -> None:
    operator = PhysicsOperator.of(MAKERS["blur"]())
    copy = operator.model_copy(update={"noise": 0.2})
    assert copy.noise == 0.2 and copy.degrade(x).equal(operator.degrade(x))
