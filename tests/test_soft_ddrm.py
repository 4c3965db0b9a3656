"""Sampler soft-ddrm: the noise of the next latent is as much as its level says, whatever the measurement brings of it."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from dreamclean import (
    JPEG,
    Blur,
    Colorize,
    DDPMSchedule,
    Denoise,
    Downsample,
    DreamCleanError,
    Estimate,
    Evaluator,
    Identity,
    Inpaint,
    Latent,
    LinearOperator,
    Measurement,
    Mixture,
    NoGuidance,
    Operator,
    PixelCodec,
    Projection,
    Restorer,
    SoftDDRM,
)
from dreamclean.builtin.samplers.soft_ddrm import NODES, _continued, _independent
from dreamclean.testing import loaded

SCHEDULE = DDPMSchedule.linear()
LEVEL, LOWER = SCHEDULE.at(20), SCHEDULE.at(10)
R = LOWER.ratio / 2
CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}


def drawn(seed: int, side: int = 96) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def noise(x: Tensor) -> Tensor:
    return drawn(7, x.shape[-1])


def step(operator: Operator | None, y: Tensor | None, clean: Tensor, sampler: SoftDDRM, lower: Any = LOWER) -> Tensor:
    """The next latent, as x / a on the [0, 1] scale, of an estimate that is right about ``clean`` and its noise."""
    eps = drawn(3, clean.shape[-1])
    predict: Any = lambda x, level: Estimate(eps, 2 * clean - 1)  # noqa: E731
    measurement = None if operator is None or y is None else Measurement(operator, y, PixelCodec())
    denoise = Denoise(predict, predict, predict, measurement)
    latent = Latent(LEVEL.latent(2 * clean - 1, eps), LEVEL)
    return sampler(latent, lower, denoise, noise).x / lower.alpha / 2 + 0.5


@pytest.mark.parametrize("u", [0.03, 0.3, 0.7, 1.0, 1.5, 3.0, 30.0])
@pytest.mark.parametrize("eta", [1.0, 0.98, 0.8])
def test_all_noise_together_is_that_of_the_level(u: float, eta: float) -> None:
    """The latent's own noise is the measurement's: here of both the same."""
    operator = Identity(noise=u * R)
    clean = torch.full((1, 3, 96, 96), 0.4, dtype=torch.float64)
    y = clean + operator.noise * drawn(3)
    left = step(operator, y, clean, SoftDDRM(eta=eta, trust=1)) - clean
    assert float(left.std()) == pytest.approx(R, rel=0.07)


@pytest.mark.parametrize("u", [0.03, 0.3, 0.7, 1.0, 1.5, 3.0, 30.0])
@pytest.mark.parametrize("eta", [1.0, 0.98, 0.8])
def test_noise_that_is_not_white_counts_as_independent(u: float, eta: float) -> None:
    operator = Identity(noise=u * R, poisson=1e9)
    clean = torch.full((1, 3, 96, 96), 0.4, dtype=torch.float64)
    y = clean + operator.noise * drawn(1)
    left = step(operator, y, clean, SoftDDRM(eta=eta)) - clean
    assert float(left.std()) == pytest.approx(R, rel=0.03)


@pytest.mark.parametrize(("u", "most"), [(0.2, 1.0), (1.0, 0.25), (2.0, 0.25), (8.0, 0.25)])
def test_noise_is_drawn_anew_only_where_the_measurement_is_better_than_the_level(u: float, most: float) -> None:
    operator = Identity(noise=u * R)
    clean = torch.full((1, 3, 96, 96), 0.4, dtype=torch.float64)
    left = step(operator, clean + operator.noise * drawn(3), clean, SoftDDRM(eta=1, trust=1)) - clean
    assert abs(float((left * drawn(7)).mean())) < most * R
    independent = step(Identity(noise=u * R, poisson=1e9), clean, clean, SoftDDRM(eta=1)) - clean
    assert float((independent * drawn(7)).mean()) > 0.5 * R


def test_of_an_operator_that_is_not_linear_the_measurements_noise_counts_as_independent() -> None:
    class Bent(Operator):
        name = "bent"

        def degrade(self, x: Tensor) -> Tensor:
            return x + 0

    clean = torch.full((1, 3, 96, 96), 0.4, dtype=torch.float64)
    left = step(Bent(noise=2 * R), clean, clean, SoftDDRM(eta=1)) - clean
    assert float((left * drawn(7)).mean()) > 0.5 * R


@pytest.mark.parametrize("u", [0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("trust", [0.9, 1.5])
def test_measurement_has_the_weight_that_its_noise_allows(u: float, trust: float) -> None:
    operator = Identity(noise=u * R)
    clean, sampler = torch.full((1, 3, 96, 96), 0.4, dtype=torch.float64), SoftDDRM(trust=trust)
    moved = step(operator, clean + 0.1, clean, sampler) - step(operator, clean, clean, sampler)
    h = 1 / (1 + (u / trust) ** 2)
    assert torch.allclose(moved, torch.full_like(moved, 0.1 * h * (2 - h)), atol=1e-3)


def test_lost_pixels_keep_the_estimate_and_get_the_levels_noise() -> None:
    operator = Inpaint.of(torch.arange(96).remainder(2).bool().expand(1, 1, 96, 96), noise=0.01)
    clean = torch.full((1, 3, 96, 96), 0.4, dtype=torch.float64)
    y = operator.degrade(clean) + 0.01 * drawn(1)
    left = (step(operator, y, clean, SoftDDRM(eta=0.6)) - clean)[..., ::2]
    expected = R * (0.6 * drawn(7) + 0.8 * drawn(3))[..., ::2]
    assert torch.allclose(left, expected, atol=0.02 * R)


def test_last_step_is_the_projection() -> None:
    operator = Blur(shape="gaussian", std=(1.0,), noise=0.02)
    clean = drawn(5).sigmoid()
    y = operator.degrade(drawn(6).sigmoid())
    made = step(operator, y, clean, SoftDDRM(), SCHEDULE.clean)
    assert torch.allclose(made, operator.project(clean, y, LEVEL.ratio / 2), atol=1e-9)


def test_without_a_measurement_a_share_of_the_noise_is_fresh() -> None:
    clean = drawn(5).sigmoid()
    left = step(None, None, clean, SoftDDRM(eta=0.6)) - clean
    assert torch.allclose(left, R * (0.6 * drawn(7) + 0.8 * drawn(3)), atol=1e-9)


@pytest.mark.parametrize(
    ("operator", "eta"),
    [
        (JPEG(quality=(30,)), JPEG(quality=(30,)).usual_eta),
        (Blur(shape="gaussian", std=(1.0,), noise=0.02), (1 + 0.86) / 2),
        (Colorize(noise=0.05), 0.2),
        (Downsample(factor=2, noise=0.05), 0.8),
        (JPEG(quality=(30,)) @ Blur(shape="gaussian", std=(1.0,)), (1 + 0.86) / 2),
        (None, (1 + 0.86) / 2),
        (Inpaint(share=0.5), 1.0),
        (Inpaint(share=0.9), (1 + 0.86) / 2),
        (JPEG(quality=(30,)) @ Inpaint(share=0.5), (1 + 0.86) / 2),
    ],
    ids=str,
)
def test_without_an_eta_it_is_the_operators_usual(operator: Operator | None, eta: float) -> None:
    """Halfway to its least, or its own. Of a chain it is that of the link that can bear least, but no more than where noise has to be kept."""
    clean = drawn(5, 32).sigmoid()
    y = operator.degrade(clean) if operator else None
    made = step(operator, y, clean, SoftDDRM())
    assert torch.equal(made, step(operator, y, clean, SoftDDRM(eta=eta)))
    assert not torch.equal(made, step(operator, y, clean, SoftDDRM(eta=0.7)))


def test_the_coarser_jpeg_rounds_the_more_noise_is_kept() -> None:
    """All of the picture is measured: finely rounded, what noise is kept only shows; of the passes it is the decisive one that counts."""
    found = [JPEG(quality=(quality,)).usual_eta for quality in (5, 10, 20, 30, 40, 90)]
    assert found == sorted(found)
    assert found == pytest.approx([JPEG.least_eta, 0.3, 0.65, 0.85, 1.0, 1.0], abs=0.02)
    assert JPEG(quality=(10, 40), shift=(0, 3)).usual_eta == found[1]


def at(weights: tuple[float, ...], nodes: tuple[float, ...], u: float) -> float:
    """A mixture's value: the first weight is that of 1, where there is one more than nodes."""
    bank = [node**2 / (node**2 + u**2) for node in nodes]
    return sum(w * b for w, b in zip(weights, [1.0] * (len(weights) - len(nodes)) + bank, strict=True))


@pytest.mark.parametrize("u", [0.01, 0.2, 0.9, 1.1, 2.7, 9.0, 200.0])
def test_mixtures_are_the_functions_that_they_stand_for(u: float) -> None:
    mix = _independent(0.9)
    weight, far = (1 / (1 + u**2)) * (2 - 1 / (1 + u**2)), NODES[-1] ** 2 / (NODES[-1] ** 2 + u**2)
    variance = 1 - (weight * u) ** 2 - (1 - 0.9**2) * (1 - far) ** 2
    assert at(mix.measured, mix.nodes, u) == pytest.approx(weight, abs=0.01)
    assert at(mix.drawn, mix.nodes, u) == pytest.approx(math.sqrt(variance), abs=0.02)
    for beyond in (1.2, 5.0, 30.0, 300.0):
        mix = _continued(0.9, 1.0, beyond)
        c = math.sqrt(1 - 0.9**2)
        kept = (1 - weight * u) * (c + (1 - c) * beyond**2 / (beyond**2 + u**2))
        assert at(mix.measured, mix.nodes, u) == pytest.approx(weight, abs=0.01)
        assert at(mix.kept, mix.nodes, u) == pytest.approx(kept, abs=0.07)


def test_what_is_hardly_measured_counts_as_not_measured_however_low_the_level() -> None:
    """Beyond a noise of the range of values, the share of the noise that is kept is that of lost pixels."""

    class Faint(LinearOperator):
        name = "faint"

        def degrade(self, x: Tensor) -> Tensor:
            return x / 40

    clean = torch.full((1, 3, 96, 96), 0.4, dtype=torch.float64)
    for lower in (SCHEDULE.at(10), SCHEDULE.at(150)):
        r = lower.ratio / 2
        left = step(Faint(noise=1.0), clean / 40, clean, SoftDDRM(eta=0.6), lower) - clean
        assert torch.allclose(left, r * (0.6 * drawn(7) + 0.8 * drawn(3)), atol=0.1 * r)


def test_latents_are_refused() -> None:
    class Small(PixelCodec):
        def decode(self, x: Tensor) -> Tensor:
            return super().decode(x)[..., ::2, ::2]

    clean = torch.full((1, 3, 8, 8), 0.4)
    predict: Any = lambda x, level: Estimate(x, clean)  # noqa: E731
    denoise = Denoise(predict, predict, predict, Measurement(Identity(noise=0.1), clean, Small()))
    with pytest.raises(DreamCleanError, match="soft-ddrm works on pixels"):
        SoftDDRM()(Latent(clean, LEVEL), LOWER, denoise, torch.randn_like)


@pytest.mark.parametrize(("guidance", "left"), [(NoGuidance(), True), (None, True), (Projection(), False)])
def test_measurement_is_left_to_the_sampler_only_where_no_guidance_sees_to_it(guidance: Any, left: bool) -> None:
    y = torch.rand(1, 3, 8, 8)
    evaluator = Evaluator(loaded(Mixture.around(y, std=0.1)), guidance, Identity(noise=0.1), y)
    assert (evaluator.denoise.measurement is not None) == left
    assert Evaluator(loaded(Mixture.around(y, std=0.1))).denoise.measurement is None


class Recommending(Mixture):
    """A mixture that recommends the sampler."""

    name = "recommending"

    def recipe_for(self, operator: Operator | None) -> dict[str, Any]:
        return {
            "guidance": "none",
            "sampler": "dreamclean/soft-ddrm:eta=1",
            "corrector": "none",
            "steps": 5,
            "strength": 300,
        }


@pytest.mark.parametrize(
    ("said", "guidance", "sampler"),
    [
        ({}, "none", "soft-ddrm"),
        ({"sampler": "ddim"}, "projection", "ddim"),
        ({"sampler": "soft-ddrm:eta=0.5"}, "none", "soft-ddrm"),
        ({"guidance": "pigdm"}, "pigdm", "soft-ddrm"),
    ],
)
def test_recommended_guidance_goes_with_its_sampler(said: dict[str, Any], guidance: str, sampler: str) -> None:
    """Another sampler without a guidance would forget the measurement."""
    prior = Recommending.around(torch.rand(1, 3, 16, 16), std=0.1)
    restorer = Restorer(prior, operator=Blur(shape="gaussian", std=(1.0,), noise=0.02), **said, **CPU)
    assert restorer.guidance is not None and restorer.sampler is not None
    assert (restorer.guidance.name, restorer.sampler.name) == (guidance, sampler)


def test_restoration_is_better_than_by_projections() -> None:
    """A Gaussian prior around a picture that is not quite the right one, and a blurred, noisy measurement."""
    clean = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)), 32)
    prior = Mixture.around(clean + 0.05 * drawn(2, 32).float(), std=0.1)
    operator = Blur(shape="gaussian", std=(1.0,), noise=0.05)
    y = operator.measure(clean, torch.Generator().manual_seed(1))
    how = {"strength": 300, "steps": 12, "initializer": "forward-noising", "corrector": "none", **CPU}
    soft = Restorer(prior, operator=operator, guidance="none", sampler="soft-ddrm", **how)(y).image
    hard = Restorer(prior, operator=operator, guidance="projection", sampler="ddim", **how)(y).image
    assert (soft - clean).square().mean() < 0.9 * (hard - clean).square().mean()
