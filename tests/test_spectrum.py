"""Spectra of coloured noise, and the covariance that they make."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from dreamclean import DreamCleanError, Grain, MatchedSpectrum, Stationary
from dreamclean.builtin.noise import spectrum
from dreamclean.testing.component import Noise, pictures, string_form

SIZE = (24, 31)


def drawn(grain: Grain, side: int = 192) -> Tensor:
    flat = torch.full((1, 3, side, side), 0.5)
    return grain.measure(flat, torch.Generator().manual_seed(1)) - flat


def lag(noise: Tensor, pixels: int) -> float:
    """Correlation with itself ``pixels`` further."""
    return float((noise[..., pixels:] * noise[..., :-pixels]).mean() / noise.square().mean())


@pytest.mark.parametrize("blur", [0.0, 0.7, 1.5])
def test_grain_is_as_wide_and_as_smooth_as_said(blur: float) -> None:
    noise = drawn(Grain(std="20/255", blur=blur))  # type: ignore[arg-type]
    assert float(noise.std()) == pytest.approx(20 / 255, rel=0.06)
    wanted = math.exp(-1 / (4 * blur**2)) if blur else 0.0  # a Gaussian with itself is one of sqrt(2) the width
    assert lag(noise, 1) == pytest.approx(wanted, abs=0.04)


@pytest.mark.parametrize("common", [1.0, 0.4, 0.0, -0.5])
def test_grain_common_is_the_correlation_between_channels(common: float) -> None:
    red, green, blue = drawn(Grain(std=0.1, common=common))[0].flatten(1)
    for one, other in ((red, green), (red, blue), (green, blue)):
        assert float(torch.corrcoef(torch.stack([one, other]))[0, 1]) == pytest.approx(common, abs=0.02)


def test_coloured_bands_are_the_covariance_at_each_frequency() -> None:
    """Loud, grey and slow; quiet, red and fast."""
    grey, red = [0.01] * 6, [0.0004, 0, 0, 0, 0, 0]
    noise = drawn(Grain(bands=(*grey, *[0.0] * 6, *red)))  # type: ignore[arg-type]
    power = torch.fft.fft2(noise, norm="ortho").abs().square()[0]
    assert power[:, :20, :20].mean((1, 2)).tolist() == pytest.approx([0.0086] * 3, rel=0.25)
    fast = power[:, 86:107, 86:107].mean((1, 2))
    assert float(fast[0]) == pytest.approx(0.00036, rel=0.2)
    assert float(fast[1:].max()) < 1e-9


@pytest.mark.parametrize("grain", [Grain(std=0.1, blur=1.0), Grain(std=0.1, blur=0.6, common=0.2)])
def test_grain_noise_variance_is_that_of_a_value(grain: Grain) -> None:
    assert float(grain.noise_variance(torch.rand(1, 3, 8, 8))) == pytest.approx(float(drawn(grain).var()), rel=0.05)
    assert Grain(noise=0.1).noise_variance(torch.rand(1, 3, 8, 8)) == pytest.approx(0.01)


@pytest.mark.parametrize("grain", [Grain(std=0.1, blur=1.0), Grain(std=0.1, blur=0.6, common=0.2)])
def test_to_bands_keeps_the_noise(grain: Grain) -> None:
    again = Grain(bands=spectrum.to_bands(grain.spectrum(), 33))
    assert torch.allclose(again.spectrum(), grain.spectrum(), atol=0.02 * float(grain.spectrum().max()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bands": (1.0,) * 5}, "six numbers for each frequency"),
        ({"bands": (1.0, 2.0, 0.0, 1.0, 0.0, 1.0)}, "no noise has such a covariance"),
        ({"std": 20.0}, "std: "),
        ({"common": -0.7}, "common: "),
    ],
)
def test_coloured_refuses_noise_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    for component in (Grain, MatchedSpectrum):
        with pytest.raises(DreamCleanError, match=message):
            component(**settings)


def test_coloured_string_form_holds_bands() -> None:
    grain = Grain(bands=(0.01, 0, 0, 0.01, 0, 0.01))
    assert "bands=0.01/0.0/0.0/0.01/0.0/0.01" in string_form(grain)


# ---------------------------------------------------------------------------------------------- covariance


def uneven() -> Tensor:
    return torch.linspace(0.5, 2, SIZE[1], dtype=torch.float64).expand(1, 1, *SIZE)


def covariances() -> list[Stationary]:
    table = spectrum.gaussian(0.1, 0.8, spectrum.correlated(0.7))
    white = 0.01 * torch.eye(3).expand(8, 3, 3)
    mixed = torch.tensor([[2.0, 1, 0], [1, 1, 0], [0, 0, 3]]).expand(8, 3, 3)
    return [Stationary(white), Stationary(mixed), Stationary(table), Stationary(table, uneven())]


@pytest.mark.parametrize("number", range(4), ids=["white", "channels", "spectrum", "uneven"])
def test_stationary_is_symmetric_and_positive(number: int) -> None:
    noise, u, v = covariances()[number], *pictures(SIZE, torch.float64)[:, None]
    for applied in (noise.times, lambda w: noise.solve(w, 0.1)):
        assert float((applied(u) * v).sum()) == pytest.approx(float((u * applied(v)).sum()), rel=1e-6)
        assert float((applied(u) * u).sum()) > 0


@pytest.mark.parametrize("number", range(3), ids=["white", "channels", "spectrum"])
def test_stationary_solve_is_its_own_inverse(number: int) -> None:
    noise, v = covariances()[number], pictures(SIZE, torch.float64)
    assert torch.allclose(noise.solve(0.3 * v + noise.times(v), 0.3), v, atol=1e-9)


def test_stationary_with_a_local_strength_is_louder_there() -> None:
    noise = covariances()[3].function(Noise(0)(torch.zeros(1, 3, *SIZE)).double(), torch.sqrt)
    quiet, _, loud = noise.split([10, 11, 10], -1)
    even = covariances()[2].function(Noise(0)(torch.zeros(1, 3, *SIZE)).double(), torch.sqrt)
    assert float(quiet.std() / even[..., :10].std()) == pytest.approx(0.68, abs=0.12)
    assert float(loud.std() / even[..., -10:].std()) == pytest.approx(1.65, abs=0.25)
    assert covariances()[3].loudest == pytest.approx(4 * covariances()[2].loudest)


def test_stationary_of_white_noise_is_exact() -> None:
    v = pictures(SIZE)
    assert torch.equal(covariances()[0].times(v), float(covariances()[0].power[0, 0]) * v)


def test_stationary_says_what_it_is_for() -> None:
    with pytest.raises(DreamCleanError, match="three channels"):
        covariances()[2].times(torch.zeros(1, 1, 8, 8))


def test_grain_projection_weighs_each_component() -> None:
    """Where grain is loud the estimate stands, where there is none the measurement."""
    grain = Grain(std=0.2, blur=2.0)
    x0, y = pictures((64, 64))
    step = (grain.project(x0[None], y[None], 0.1) - x0)[0]
    asked = (y - x0) - (y - x0).mean((-2, -1), keepdim=True)
    chroma = asked - asked.mean(0)
    assert torch.allclose(step - step.mean(0), (y - x0) - (y - x0).mean(0), atol=1e-4)
    assert float(chroma.std()) > 0.01
    slow = torch.fft.rfft2(step.mean(0))[:3, :3].abs() / torch.fft.rfft2((y - x0).mean(0))[:3, :3].abs()
    assert float(slow.max()) < 0.05


def test_grain_with_white_noise_has_both() -> None:
    y = torch.full((1, 3, 16, 16), 0.5)
    both = Grain(std=0.1, blur=1, noise=0.05).noise_covariance(y)
    alone = Grain(noise=0.05).noise_covariance(y)
    assert isinstance(both, Stationary)
    assert float(both.power.min()) == pytest.approx(0.0025, rel=1e-6)
    assert torch.allclose(alone.times(y), 0.0025 * y)
