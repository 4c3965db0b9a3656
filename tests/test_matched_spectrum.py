"""Matched-spectrum start: every channel combination and frequency enters the descent at the level of its own noise."""

from typing import Any

import pytest
import torch
from torch import Tensor

from dreamclean import (
    DDIM,
    DPMSolver,
    Evaluator,
    Grain,
    Initializer,
    MatchedLevel,
    MatchedSpectrum,
    Mixture,
    NoCorrector,
    Restorer,
    Sampler,
    Stationary,
    Uniform,
)
from dreamclean.builtin.initializers.matched_spectrum import LaterComponents
from dreamclean.builtin.noise.line import line_of
from dreamclean.contracts.latent import Noise
from dreamclean.method.loop import resample
from dreamclean.testing import loaded

SIDE, WIDTH = 96, 0.3
CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}


def gaussian(seed: int) -> Tensor:
    return torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


MEAN = 0.5 * torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3)) - 0.25
CLEAN = MEAN + WIDTH * gaussian(4)
"""A picture in [-1, 1], roughly, that a Gaussian knows: MEAN, standard deviation WIDTH."""
GRAIN = MatchedSpectrum(std=0.06, blur=0.8, common=0.9)


def prior() -> Mixture:
    return Mixture.around((MEAN + 1) / 2, std=WIDTH / 2)


def fresh(x: Tensor) -> Tensor:
    return gaussian(6)[..., : x.shape[-2], : x.shape[-1]]


def noisy(settings: MatchedSpectrum) -> Tensor:
    """CLEAN with the noise that ``settings`` say, in model space."""
    return CLEAN + 2 * Stationary(settings.spectrum()).function(gaussian(5), torch.sqrt)


def loudest(settings: MatchedSpectrum) -> float:
    return 2 * Stationary(settings.spectrum()).loudest ** 0.5


def landed(start: Tensor, initializer: Initializer, sampler: Sampler, top: float, steps: int = 40) -> Tensor:
    model = prior()
    levels = model.schedule.ladder(f"nsr:{top}", steps, Uniform())
    noise: Noise = fresh
    *_, last = resample(
        start, levels, levels[-2::-1], Evaluator(loaded(model)).denoise, initializer, NoCorrector(), sampler, noise
    )
    return last.x


def components(x: Tensor) -> tuple[float, float, float]:
    """Standard deviation of the slow grey, the fast grey and the chroma."""
    grey = x.mean(1, keepdim=True)
    transform = torch.fft.fft2(grey * 3**0.5, norm="ortho")
    slow, fast = transform[..., 1:8, 1:8], transform[..., 40:56, 40:56]
    chroma = (x - grey).square().sum(1).mean() / 2
    return float(slow.abs().square().mean() ** 0.5), float(fast.abs().square().mean() ** 0.5), float(chroma**0.5)


@pytest.mark.parametrize("sampler", [DDIM(), DPMSolver()])
def test_matched_spectrum_lands_every_component_where_clean_pictures_live(sampler: Sampler) -> None:
    """Around MEAN clean pictures are WIDTH wide. One level for all makes the quiet components too narrow."""
    y, top = noisy(GRAIN), loudest(GRAIN)
    for width in components(landed(y, GRAIN, sampler, top) - MEAN):
        assert width == pytest.approx(WIDTH, rel=0.12)
    slow, fast, chroma = components(landed(y, MatchedLevel(), sampler, top) - MEAN)
    assert slow == pytest.approx(WIDTH, rel=0.12)
    assert max(fast, chroma) < 0.6 * WIDTH


def test_matched_spectrum_keeps_quiet_components_better() -> None:
    y, top = noisy(GRAIN), loudest(GRAIN)
    ours, one = (landed(y, start, DDIM(), top) - CLEAN for start in (GRAIN, MatchedLevel()))
    assert float(ours.square().mean()) < 0.3 * float(one.square().mean())


def test_matched_spectrum_of_white_noise_is_a_matched_level() -> None:
    y = CLEAN + 0.3 * gaussian(5)
    starts = MatchedSpectrum(common=0), MatchedLevel()
    ours, matched = (landed(y, start, DPMSolver(), 0.3, 8) for start in starts)
    assert torch.allclose(ours, matched, atol=1e-5)


def entry(settings: MatchedSpectrum, start: Tensor, last: float = 0.05) -> LaterComponents:
    lines = [line_of(image, 2 / 255) for image in start]
    return LaterComponents(start, Stationary(4 * settings.spectrum()), gaussian(6), last, lines)


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.7])
def test_matched_spectrum_has_the_levels_noise_where_the_picture_has_less(ratio: float) -> None:
    level = prior().schedule.at(prior().schedule.timestep(ratio))
    own = components(noisy(GRAIN) - CLEAN)
    found = components(entry(GRAIN, noisy(GRAIN)).latent(level) / level.alpha - CLEAN)
    for before, after in zip(own, found, strict=True):
        assert after == pytest.approx(max(before, level.ratio), rel=0.15)


def test_entry_leaves_to_the_sampler_what_has_started() -> None:
    schedule = prior().schedule
    rule, x = entry(GRAIN, noisy(GRAIN)), gaussian(8)
    level = schedule.at(schedule.timestep(0.3))
    slow, fast, chroma = components(rule(x, level) - x)
    assert slow < 0.05
    assert min(fast, chroma) > 0.3
    top = schedule.at(schedule.timestep(2 * loudest(GRAIN)))
    assert torch.allclose(rule(x, top), rule.latent(top), atol=1e-4)


def test_entry_ends_with_what_the_picture_knows_better() -> None:
    """Chroma without noise is the picture's own; loud components are the sampler's."""
    grey = MatchedSpectrum(std=0.1, blur=0.8)
    y, x = noisy(grey), CLEAN + 0.1 * gaussian(8)
    found = entry(grey, y, last=0.02)(x, prior().schedule.clean)
    assert torch.allclose(found - found.mean(1, keepdim=True), y - y.mean(1, keepdim=True), atol=1e-5)
    assert components(found - x)[0] < 1e-3


def test_finished_adds_nothing_at_the_components_own_level() -> None:
    white = MatchedSpectrum(std=0.15, common=0)
    assert torch.equal(entry(white, noisy(white), last=0.3)(CLEAN, prior().schedule.clean), CLEAN)


@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (0.8, 0.6, 0.35)], ids=["grey", "sepia"])
def test_matched_spectrum_keeps_a_picture_of_one_tint(tint: tuple[float, ...]) -> None:
    colour = torch.tensor(tint).view(3, 1, 1)
    picture = (0.2 + 0.6 * torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))) * colour
    model = Mixture.around(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(2)), std=0.2)
    restorer = Restorer(model, initializer="matched-spectrum", strength="nsr:0.4", steps=4, corrector="none", **CPU)
    restored = restorer(picture, seed=0).image
    assert not torch.equal(restored, picture)
    line = line_of(restored[0])
    assert line is not None
    assert torch.allclose(line.direction.abs(), torch.tensor(tint) / torch.tensor(tint).norm(), atol=1e-2)
    if tint[0] == tint[2]:
        assert torch.equal(restored[:, :1].expand_as(restored), restored)


def test_matched_spectrum_without_settings_is_as_loud_as_the_strength() -> None:
    levels = prior().schedule.ladder("nsr:0.6", 5, Uniform())
    for settings in (MatchedSpectrum(), MatchedSpectrum(blur=1.0, common=0.5)):
        latent = settings(CLEAN, levels, Evaluator(loaded(prior())).denoise, fresh)
        assert isinstance(latent.entry, LaterComponents)
        assert latent.entry.covariance.loudest == pytest.approx(levels[-1].ratio ** 2)


def test_uneven_noise_starts_later_where_it_is_quiet() -> None:
    louder = torch.ones(1, 1, SIDE, SIDE)
    louder[..., SIDE // 2 :] = 4
    settings = MatchedSpectrum(std=0.1, blur=0.8, uneven=True)
    y = MEAN + louder / 8.5**0.5 * (noisy(settings) - CLEAN)
    known = Mixture.around((MEAN + 1) / 2, std=0.02)
    levels = known.schedule.ladder("nsr:1", 8, Uniform())
    latent = settings(y, levels, Evaluator(loaded(known)).denoise, fresh)
    assert isinstance(latent.entry, LaterComponents)
    strength = latent.entry.covariance.strength
    assert strength is not None
    assert float(strength.square().mean()) == pytest.approx(1, abs=1e-3)
    quiet, loud = (float(half.mean()) for half in strength.chunk(2, -1))
    assert loud / quiet > 3


def test_uneven_costs_an_evaluation() -> None:
    picture = ((noisy(GRAIN) + 1) / 2).clamp(0, 1)
    for settings, nfe in ((GRAIN, 4), (GRAIN.model_copy(update={"uneven": True}), 5)):
        restorer = Restorer(prior(), initializer=settings, strength="nsr:0.4", steps=4, corrector="none", **CPU)
        assert restorer(picture, seed=0).nfe == nfe


def test_matched_spectrum_with_bands_runs_again_from_its_recipe() -> None:
    grain = Grain(bands=(0.004, 0.003, 0.003, 0.004, 0.003, 0.004, *[0.0] * 6))
    start = MatchedSpectrum(bands=grain.bands)
    result = Restorer(prior(), initializer=start, strength="nsr:0.4", steps=3, **CPU)((CLEAN + 1) / 2, seed=1)
    again = Restorer(prior(), recipe=result.recipe, **CPU)((CLEAN + 1) / 2, seed=1)
    assert torch.equal(again.image, result.image)
