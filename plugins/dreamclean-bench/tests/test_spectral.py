"""The singular value decompositions of the kernel's operators."""

import pytest
import torch
from dreamclean_bench.method import Problem
from dreamclean_bench.methods.ddnm import DDNM, DDNMPlus
from dreamclean_bench.methods.ddrm import DDRM
from dreamclean_bench.methods.pigdm import PiGDM
from dreamclean_bench.methods.snips import SNIPS
from dreamclean_bench.spectral import has_spectrum, spectrum

from dreamclean import (
    JPEG,
    Blur,
    Colorize,
    Downsample,
    DreamCleanError,
    FourierMagnitude,
    Identity,
    Inpaint,
    LinearOperator,
    Mixture,
    Operator,
)

SHAPE = torch.Size((2, 3, 8, 12))


class Darker(Blur):
    """A subclass that keeps to its class's contract."""

    name = "darker"

    def matrix(self, size: int, axis: int) -> torch.Tensor:
        return 0.5 * super().matrix(size, axis)


class Brighter(Inpaint):
    """A subclass that does not."""

    name = "brighter"

    def degrade(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().degrade(x)


KNOWN = {
    "average": Downsample(factor=4),
    "bicubic": Downsample(factor=2, method="bicubic"),
    "uniform": Blur(shape="uniform", size=5),
    "gaussian": Blur(shape="gaussian", size=5, std=(10.0,), boundary="zero"),
    "anisotropic": Blur(shape="gaussian", size=5, std=(0.5, 2.0)),
    "upright motion": Blur(shape="motion", length=5, angle=90),
    "colorize": Colorize(),
    "weighted": Colorize(weights=(0.3, 0.6, 0.1)),
    "inpaint": Inpaint(share=0.4),
    "identity": Identity(),
    "subclass": Darker(shape="gaussian", size=3),
}
UNKNOWN = {
    "jpeg": JPEG(),
    "motion": Blur(shape="motion", length=7, angle=30),
    "phase": FourierMagnitude(),
}
EVERY = pytest.mark.parametrize("operator", KNOWN.values(), ids=KNOWN)


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@EVERY
def test_spectrum_is_the_operator(operator: LinearOperator, image: torch.Tensor) -> None:
    found = spectrum(operator, SHAPE)
    assert has_spectrum(operator)
    assert torch.allclose(found.degrade(image), operator.degrade(image), atol=1e-10)
    assert torch.allclose(found.measured(operator.degrade(image)), found.singular * found.to(image), atol=1e-10)


@EVERY
def test_spectrum_has_orthonormal_singular_vectors(operator: LinearOperator) -> None:
    found, size = spectrum(operator, SHAPE), SHAPE[1:].numel()
    every = torch.eye(size, dtype=torch.float64).view(size, *SHAPE[1:])
    v = found.back(every).flatten(1)
    assert torch.allclose(v @ v.mT, torch.eye(size, dtype=torch.float64), atol=1e-10)
    assert torch.allclose(found.to(found.back(every)), every, atol=1e-10)


@EVERY
def test_spectrum_has_what_is_not_measured_in_its_null_space(operator: LinearOperator, image: torch.Tensor) -> None:
    found = spectrum(operator, SHAPE)
    unmeasured = (found.singular == 0).expand(SHAPE)
    dense = operator.degrade(torch.eye(SHAPE[1:].numel(), dtype=torch.float64).view(-1, *SHAPE[1:])).flatten(1)
    assert unmeasured[0].sum() == len(dense) - torch.linalg.matrix_rank(dense, rtol=1e-6)
    hidden = found.back(torch.where(unmeasured, found.to(image), 0.0))
    assert operator.degrade(hidden).abs().max() < 1e-5
    assert found.measured(operator.degrade(image))[unmeasured].abs().max() == 0 if unmeasured.any() else True


@EVERY
def test_spectrum_has_the_kernels_pseudo_inverse(operator: LinearOperator, image: torch.Tensor) -> None:
    y = operator.degrade(image)
    assert torch.allclose(spectrum(operator, SHAPE).pseudo_inverse(y), operator.pseudo_inverse(y), atol=1e-6)


def test_spectrum_cuts_weak_singular_values() -> None:
    operator = KNOWN["gaussian"]
    every, strong = spectrum(operator, SHAPE, 0.0).singular, spectrum(operator, SHAPE, 0.03).singular
    rows, columns = (torch.linalg.svdvals(operator.matrix(side, axis)) for axis, side in enumerate(SHAPE[2:]))
    assert torch.equal(strong > 0, ((rows > 0.03)[:, None] & (columns > 0.03))[None, None])  # each, as DDRM's code does
    assert (every > 0).sum() > (strong > 0).sum() > 0
    y = operator.degrade(torch.rand(SHAPE))
    noise = spectrum(operator, SHAPE, 0.03).noise(0.1, y)
    assert noise[strong == 0].isinf().all()
    assert torch.allclose(noise[strong > 0], (0.1 / strong[strong > 0]).float())


@pytest.mark.parametrize("operator", UNKNOWN.values(), ids=UNKNOWN)
def test_spectrum_refuses_other_operators(operator: Operator) -> None:
    assert not has_spectrum(operator)
    with pytest.raises(DreamCleanError, match="not known"):
        spectrum(operator, SHAPE)
    prior = Mixture.around(torch.rand(1, *SHAPE[1:]))
    linear = isinstance(operator, LinearOperator)
    for method in (DDRM(), DDNMPlus(), SNIPS()):
        assert ("singular value" if linear else "linear operator") in method.refuses(operator, prior)
        assert not method.refuses(KNOWN["average"], prior)
    assert [bool(method.refuses(operator, prior)) for method in (DDNM(), PiGDM())] == [not linear] * 2


def test_ddnm_and_pigdm_take_a_linear_operator_without_a_spectrum() -> None:
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    operator = Blur(shape="motion", length=3, angle=30, noise=0.01)
    y = operator.measure(image, torch.Generator().manual_seed(0))
    for method in (DDNM(steps=5), PiGDM(steps=5)):
        restored = method(Problem(y, y, operator, Mixture.around(image, 0.01), [0]))
        assert (restored - image).abs().mean() < (y - image).abs().mean()


def test_spectrum_refuses_a_subclass_that_degrades_otherwise() -> None:
    with pytest.raises(DreamCleanError, match="brighter"):
        spectrum(Brighter(), SHAPE)


def test_spectrum_refuses_an_image_that_does_not_fit() -> None:
    with pytest.raises(DreamCleanError, match="13x9"):
        spectrum(Downsample(factor=4), torch.Size((1, 3, 9, 13)))
