"""DreamClean as a deepinv reconstructor, by itself and in deepinv's own test of models."""

from typing import Any

import deepinv
import deepinv.physics as dp
import pytest
import torch
from dreamclean_deepinv import DreamClean, PriorDenoiser
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from dreamclean import Blur, DreamCleanError, Mixture, Restorer

SHAPE = (3, 16, 16)


@pytest.fixture
def pictures() -> Tensor:
    torch.manual_seed(0)
    return torch.rand(4, *SHAPE)


@pytest.fixture
def prior(pictures: Tensor) -> Mixture:
    return Mixture.around(pictures, std=0.02)


def _error(image: Tensor, truth: Tensor) -> float:
    return float((image - truth).square().mean())


@pytest.mark.parametrize(
    "physics",
    [
        lambda: dp.Inpainting(SHAPE, mask=0.5),
        lambda: dp.BlurFFT(SHAPE, filter=torch.full((1, 1, 5, 5), 0.04)),
        lambda: dp.SinglePixelCamera(m=64, img_size=SHAPE, fast=True),
        lambda: dp.CompressedSensing(m=200, img_size=SHAPE),
    ],
)
def test_reconstructor_restores_what_the_prior_knows(physics: Any, pictures: Tensor, prior: Mixture) -> None:
    physics = physics()
    physics.noise_model = dp.GaussianNoise(0.05)
    y = physics(pictures[:2])
    made = DreamClean(prior, strength="nsr:2", steps=8)(y, physics)
    assert made.shape == (2, *SHAPE)
    assert _error(made, pictures[:2]) < 0.1 * _error(physics.A_dagger(y), pictures[:2])


def test_reconstructor_is_the_restorer_with_the_operator(pictures: Tensor, prior: Mixture) -> None:
    physics = dp.BlurFFT(SHAPE, filter=torch.full((1, 1, 5, 5), 0.04), noise_model=dp.GaussianNoise(0.05))
    operator = Blur(size=5, boundary="circular", noise=0.05)
    y = physics(pictures[:1])
    settings: dict[str, Any] = dict(strength=200, steps=5, seed=3)
    made = DreamClean(prior, clip=False, **settings)(y, physics)
    assert torch.allclose(made, Restorer(prior, operator=operator, **settings)(y).image, atol=1e-4)


def test_reconstructor_restores_where_the_measurement_lies(pictures: Tensor, prior: Mixture) -> None:
    model = DreamClean(prior, strength=200, steps=2)
    with pytest.raises(DreamCleanError, match="device 'meta' cannot be used"):  # which it has therefore asked for
        model(pictures[:1].to("meta"), dp.Inpainting(SHAPE, mask=0.5))
    assert DreamClean(prior, strength=200, steps=2)(pictures[:1], dp.Inpainting(SHAPE, mask=0.5)).device.type == "cpu"


def test_reconstructor_takes_the_noise_that_a_physics_does_not_say(pictures: Tensor, prior: Mixture) -> None:
    filter, settings = torch.full((1, 1, 5, 5), 0.04), dict(strength=200, steps=5, seed=3)
    unsaid = dp.BlurFFT(SHAPE, filter=filter, noise_model=dp.LogPoissonNoise())
    said = dp.BlurFFT(SHAPE, filter=filter, noise_model=dp.GaussianNoise(0.05))
    y = said(pictures[:1])
    with pytest.raises(DreamCleanError, match="noise="):
        DreamClean(prior, **settings)(y, unsaid)
    wanted = DreamClean(prior, **settings)(y, said)
    for noise in (0.05, "12.75/255"):
        assert torch.allclose(DreamClean(prior, noise=noise, **settings)(y, unsaid), wanted, atol=1e-4)


def test_reconstructor_blind_ignores_the_physics(pictures: Tensor, prior: Mixture) -> None:
    y = pictures[:1] + 0.1 * torch.randn(1, *SHAPE)
    model = DreamClean(prior, blind=True, strength=100, steps=3)
    assert model(y, dp.Haze()).equal(model(y))
    assert model(y).equal(Restorer(prior, strength=100, steps=3)(y).image.clamp(0, 1))


def test_reconstructor_refuses_a_physics_that_is_not_linear(pictures: Tensor, prior: Mixture) -> None:
    with pytest.raises(DreamCleanError, match="Haze is not"):
        DreamClean(prior, strength=100, steps=3)(pictures[:1], dp.Haze())


def test_reconstructor_runs_in_deepinvs_own_test(pictures: Tensor, prior: Mixture) -> None:
    physics = dp.Inpainting(SHAPE, mask=0.5, noise_model=dp.GaussianNoise(0.02))
    loader = DataLoader(TensorDataset(pictures, physics(pictures)), batch_size=2)
    model = DreamClean(prior, strength="nsr:2", steps=8)
    result = deepinv.test(
        model, loader, physics, metrics=deepinv.loss.metric.PSNR(), verbose=False, show_progress_bar=False
    )
    assert result["PSNR"] > result["PSNR no learning"] + 10


def test_prior_denoiser_runs_in_deepinvs_ddrm_and_diffpir(pictures: Tensor, prior: Mixture) -> None:
    physics = dp.Inpainting(SHAPE, mask=0.7, noise_model=dp.GaussianNoise(0.05))
    y, denoiser = physics(pictures[:1]), PriorDenoiser(prior)
    for model in (
        deepinv.sampling.DDRM(denoiser, sigmas=torch.linspace(1, 0.02, 20).tolist()),
        deepinv.sampling.DiffPIR(denoiser, deepinv.optim.L2(), sigma=0.05, max_iter=20),
    ):
        assert _error(model(y, physics), pictures[:1]) < 0.5 * _error(y, pictures[:1])


def test_reconstructor_starts_denoising_at_the_level_of_the_noise(pictures: Tensor, prior: Mixture) -> None:
    physics = dp.Denoising(dp.GaussianNoise(0.1))
    y = physics(pictures[:1])
    made = DreamClean(prior).restore(y, physics)
    assert made.recipe.initializer is not None and made.recipe.initializer["name"] == "matched-spectrum"
    assert made.recipe.guidance == {"name": "none"}
    assert torch.equal(made.image, Restorer(prior, operator="identity:noise=0.1", device="cpu")(y).image)
