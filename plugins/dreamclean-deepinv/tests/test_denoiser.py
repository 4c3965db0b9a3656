"""Denoisers as priors and priors as denoisers, against the exact posterior mean."""

import contextlib
from typing import Any

import deepinv
import pytest
import torch
from dreamclean_deepinv import PriorDenoiser, denoiser_prior
from torch import Tensor

from dreamclean import DreamCleanError, Mixture, Model, Prior, Restorer


class Shrink(deepinv.models.Denoiser):
    """The best denoiser of pixels drawn from N(0.5, 0.25^2)."""

    def forward(self, x: Tensor, sigma: Any, **kwargs: Any) -> Tensor:
        variance = self._handle_sigma(sigma, batch_size=len(x), ndim=4, reference_tensor=x) ** 2
        return (0.25**2 * x + variance * 0.5) / (0.25**2 + variance)


def test_denoiser_prior_is_the_denoiser() -> None:
    model = denoiser_prior(Shrink(), highest=0.3).load(torch.device("cpu"), torch.float32)
    x = torch.randn(2, 3, 8, 10)
    level = model.schedule.at(0.4)
    x0 = x - level.sigma * model.predict(x, level)
    assert torch.allclose((x0 + 1) / 2, Shrink()((x + 1) / 2, 0.2), atol=1e-6)
    assert model.geometry.multiple == 1


def test_denoiser_prior_restores_with_drunet() -> None:
    torch.manual_seed(0)
    network = deepinv.models.DRUNet(pretrained=None, nc=(4, 4, 4, 4), nb=1)
    result = Restorer(denoiser_prior(network, highest=0.2), planner="fixed")(torch.rand(1, 3, 17, 19))
    assert result.nfe == 4 and result.image.shape == (1, 3, 17, 19) and result.image.isfinite().all()


def test_prior_denoiser_is_the_posterior_mean() -> None:
    pictures = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    denoiser, x, sigma = PriorDenoiser(Mixture.around(pictures, std=0.1, family="ve")), torch.rand(2, 3, 8, 8), 0.2
    offset = x[:, None] - pictures[None]
    weights = torch.softmax(-offset.square().flatten(2).sum(-1) / (2 * (0.1**2 + sigma**2)), 1)
    means = pictures[None] + 0.1**2 / (0.1**2 + sigma**2) * offset
    wanted = torch.einsum("bk,bkchw->bchw", weights, means)
    assert torch.allclose(denoiser(x, sigma), wanted, atol=1e-5)
    each = denoiser(x, torch.tensor([sigma, 0.4]))
    assert torch.allclose(each[0], wanted[0], atol=1e-5) and not torch.allclose(each[1], denoiser(x, sigma)[1])
    assert denoiser(x, 0.0).equal(x)


def test_prior_denoiser_is_loaded_where_the_picture_lies() -> None:
    loaded: list[str] = []

    class Recorded(Mixture):
        def load(self, device: torch.device, dtype: torch.dtype) -> Model:
            loaded.append(str(device))
            return Mixture.around(torch.rand(2, 3, 8, 8), std=0.1).load(device, dtype)

    denoiser = PriorDenoiser(Recorded())
    for device in ("cpu", "meta", "meta"):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # of numbers that are none
            denoiser(torch.zeros(1, 3, 8, 8, device=device), 0.1)
    assert loaded == ["cpu", "meta"]


def test_prior_denoiser_asks_a_ddpm_prior_at_the_same_noise() -> None:
    """The two families know the same mixture, so their posterior means agree but for the spacing of timesteps."""
    pictures, x = torch.rand(4, 3, 8, 8), torch.rand(1, 3, 8, 8)
    ddpm, ve = (PriorDenoiser(Mixture.around(pictures, std=0.1, family=family)) for family in ("ddpm", "ve"))
    assert torch.allclose(ddpm(x, 0.15), ve(x, 0.15), atol=5e-3)


def test_prior_denoiser_can_be_differentiated() -> None:
    x = torch.rand(1, 3, 8, 8, requires_grad=True)
    denoiser = PriorDenoiser(Mixture.around(torch.rand(2, 3, 8, 8), std=0.1))
    (grad,) = torch.autograd.grad(denoiser(x, 0.2).sum(), x)
    assert grad.abs().max() > 0


def test_prior_denoiser_refuses_a_latent_prior() -> None:
    class Latent(Prior):
        name = "somewhere"
        space = "latent"

        def load(self, device: torch.device, dtype: torch.dtype) -> Model:
            raise AssertionError

    with pytest.raises(DreamCleanError, match="somewhere works in latents; a denoiser needs a prior of pixels"):
        PriorDenoiser(Latent())
