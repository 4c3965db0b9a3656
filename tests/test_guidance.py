"""Guidance: the four built-in kinds, against their closed forms where there are any."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from dreamclean import (
    DPS,
    JPEG,
    Blur,
    DDPMSchedule,
    DiffPIR,
    Downsample,
    DreamCleanError,
    Estimate,
    Evaluator,
    FourierMagnitude,
    Guidance,
    Identity,
    Mixture,
    Operator,
    PiGDM,
    PixelCodec,
    Projection,
    Restorer,
    SpectralProjection,
)
from dreamclean.host.host import Host
from dreamclean.testing import loaded, pictures

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32", "plugins": Host([])}
ALL = [Projection(), SpectralProjection(), DPS(), PiGDM(), DiffPIR()]


def gaussian() -> tuple[Mixture, torch.Tensor, torch.Tensor]:
    """A Gaussian prior of unit variance in [-1, 1], a noisy measurement of one of its pictures, a latent."""
    mean = torch.full((1, 3, 8, 8), 0.5, dtype=torch.float64)
    prior = Mixture.around(mean, std=0.5)
    z = torch.randn(3, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return prior, mean + 0.5 * z[0] + 0.1 * z[1], z[2]


def test_pigdm_is_exact_for_unit_variance() -> None:
    """There p(x0 | x_t) has the variance s^2 that it assumes (a^2 + s^2 = 1), so the score is that of p(x_t | y)."""
    prior, y, x = gaussian()
    level, noise = prior.schedule.at(400), 0.1
    found = Evaluator(loaded(prior), PiGDM(), Identity(noise=noise), y).denoise(x, level).x0
    precision = 1 + level.alpha**2 / level.sigma**2 + 1 / (2 * noise) ** 2
    exact = (level.alpha / level.sigma**2 * x + (2 * y - 1) / (2 * noise) ** 2) / precision
    assert torch.allclose(found, exact, atol=1e-9)


def test_diffpir_has_the_weight_of_bayes_rule_at_four() -> None:
    """DiffPIR's mixed scales: with lambda = 4 its step is the projection."""
    prior, y, x = gaussian()
    operator, level = Downsample(factor=2, noise=0.05), prior.schedule.at(300)
    y = operator.degrade(y)
    ours = Evaluator(loaded(prior), Projection(), operator, y).denoise(x, level).x0
    theirs = Evaluator(loaded(prior), DiffPIR(lam=4, clip=False), operator, y).denoise(x, level).x0
    other = Evaluator(loaded(prior), DiffPIR(lam=8, clip=False), operator, y).denoise(x, level).x0
    assert torch.allclose(theirs, ours, atol=1e-9)
    assert not torch.allclose(other, ours, atol=1e-3)


def around_grey(std: float) -> tuple[Mixture, torch.Tensor, torch.Tensor]:
    """Pictures of white noise of ``std`` around grey: the prior, the blurred measurement of one, a latent at t = 300."""
    mean = torch.full((1, 3, 64, 64), 0.5, dtype=torch.float64)
    prior = Mixture.around(mean, std=std)
    z = torch.randn(3, *mean.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    clean = mean + std * z[0]
    x = prior.schedule.at(300).latent(2 * clean - 1, z[1])
    return prior, BLUR.degrade(clean) + BLUR.noise * z[2], x


BLUR = Blur(shape="gaussian", size=5, std=(0.8,), noise=0.02)


def test_spectral_projection_is_exact_for_gaussian_pictures() -> None:
    """x0's error has the variance v = P r^2 / (P + r^2); with P = r^2 / 3 that is (r / 2)^2."""
    level = Mixture.around(torch.zeros(1, 3, 8, 8), std=0.1).schedule.at(300)
    r = level.ratio / 2
    prior, y, x = around_grey(r / 3**0.5)
    alone = Evaluator(loaded(prior)).prior(x, level).x0 / 2 + 0.5
    exact = BLUR.project(alone, y, r / 2)
    distance = {}
    for guidance in (SpectralProjection(margin=1), Projection()):
        found = Evaluator(loaded(prior), guidance, BLUR, y).denoise(x, level).x0 / 2 + 0.5
        distance[guidance.name] = float((found - exact).square().mean().sqrt())
    assert distance["spectral-projection"] < 0.1 * distance["projection"]


def test_spectral_projection_is_projection_where_the_picture_is_rough() -> None:
    prior, y, x = around_grey(3.0)
    level = prior.schedule.at(300)
    ours, theirs = (
        Evaluator(loaded(prior), g, BLUR, y).denoise(x, level).x0 for g in (SpectralProjection(), Projection())
    )
    assert torch.allclose(ours, theirs, atol=1e-9)


def test_spectral_projection_looks_at_each_picture_alone() -> None:
    x0 = torch.stack([pictures((32, 24))[0] * scale for scale in (0.05, 1.0)]).double()
    y = BLUR.degrade(x0.flip(0))
    guidance = SpectralProjection()

    def projected(of: slice) -> torch.Tensor:
        predict: Any = lambda x, level: Estimate.from_x0(x, level, 2 * x0[of] - 1)  # noqa: E731
        level = DDPMSchedule.linear().at(200)
        return guidance(predict, torch.zeros_like(x0[of]), level, BLUR, y[of], PixelCodec()).x0

    together = projected(slice(0, 2))
    for k in (0, 1):
        assert torch.allclose(together[k : k + 1], projected(slice(k, k + 1)), atol=1e-9)


def test_dps_is_the_gradient_of_the_distance() -> None:
    """Around a Gaussian x0 is linear in x, dx0/dx = a: unit variance, a^2 + s^2 = 1."""
    prior, y, x = gaussian()
    operator, level = Identity(), prior.schedule.at(300)
    alone = Evaluator(loaded(prior)).prior(x, level).x0
    residual = 2 * y - 1 - alone
    gradient = -level.alpha * residual / residual.norm()
    found = Evaluator(loaded(prior), DPS(zeta=0.7), operator, y).denoise(x, level).x0
    assert torch.allclose(found, alone - 0.7 * level.sigma**2 / level.alpha * gradient, atol=1e-9)


@pytest.mark.parametrize("guidance", ALL, ids=lambda g: g.name)
@pytest.mark.parametrize(
    "operator", [Downsample(factor=2), JPEG(quality=(20,)), FourierMagnitude()], ids=lambda o: o.name
)
def test_guidance_serves_every_operator_or_says_why(guidance: Guidance, operator: Any) -> None:
    clean = pictures((16, 16))
    prior = Mixture.around(clean, std=0.1)
    y = operator.measure(clean, torch.Generator().manual_seed(1))
    settings = {"operator": operator, "noise": 0.02, "guidance": guidance, "strength": "nsr:0.8", "steps": 4, **CPU}
    if guidance.refuses(operator):
        with pytest.raises(DreamCleanError, match=f"guidance {guidance.name} cannot serve {operator.name}: it needs"):
            Restorer(prior, **settings)
        return
    result = Restorer(prior, **settings)(y)
    assert result.image.isfinite().all()
    assert result.recipe.guidance is not None and result.recipe.guidance["name"] == guidance.name
    assert result.nfe in (4, 8)
    again = Restorer(prior, recipe=result.recipe, **CPU)(y)
    assert torch.equal(again.image, result.image)


def test_guidance_refuses_a_codec_only_as_dps() -> None:
    assert [g.name for g in ALL if g.refuses(JPEG())] == ["dps"]


class Coded(Operator):
    """A squared picture under a code of 8 x 8 pixels: of one size only, and not linear."""

    name = "coded"

    def degrade(self, x: Tensor) -> Tensor:
        return torch.eye(8) * x**2


def test_guidance_with_an_operator_of_one_size() -> None:
    prior, y = Mixture.around(pictures((8, 8)), std=0.1), torch.eye(8).expand(1, 3, 8, 8) / 4
    settings = {"strength": "nsr:0.8", "steps": 2, **CPU}
    assert Restorer(prior, operator=Coded(noise=0.1), guidance="dps", **settings)(y).image.isfinite().all()


def test_guidance_needs_an_operator() -> None:
    with pytest.raises(DreamCleanError, match="guidance belongs to a known operator"):
        Restorer(Mixture.around(pictures((8, 8))), guidance="dps", **CPU)


def test_guidance_does_nothing_at_the_picture_itself() -> None:
    prior, y, x = gaussian()
    clean = prior.schedule.clean
    evaluator = Evaluator(loaded(prior), Projection(), Identity(), y)
    assert math.isfinite(float(evaluator.denoise(x, clean).x0.sum()))
    assert torch.equal(evaluator.denoise(x, clean).x0, evaluator.prior(x, clean).x0)
