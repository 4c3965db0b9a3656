"""Local-level start: every part of the picture enters the descent at the level of its own damage."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from dreamclean import (
    DDIM,
    Denoise,
    DPMSolver,
    Evaluator,
    Initializer,
    Latent,
    Level,
    LocalLevel,
    MatchedLevel,
    Mixture,
    NoCorrector,
    Restorer,
    Sampler,
    Uniform,
)
from dreamclean.builtin.initializers.local_level import LaterEntry, unevenness
from dreamclean.builtin.planners.diagnosis.answers import UNEVEN
from dreamclean.builtin.planners.diagnosis.diagnose import diagnose_image
from dreamclean.builtin.planners.diagnosis.treatment import STEPS, treatment
from dreamclean.contracts.latent import Noise
from dreamclean.method.loop import resample
from dreamclean.recipe.recipe import make_recipe
from dreamclean.testing import loaded

SIDE, WIDTH = 96, 0.3
QUIET, LOUD = 0.15, 0.6
CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}


def gaussian(seed: int) -> Tensor:
    return torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


MEAN = 0.5 * torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3)) - 0.25
CLEAN = MEAN + WIDTH * gaussian(4)
"""A picture in [-1, 1], roughly, that a Gaussian knows: MEAN, standard deviation WIDTH."""
DAMAGE = torch.full((1, 1, SIDE, SIDE), QUIET)
DAMAGE[..., SIDE // 2 :] = LOUD
"""Standard deviation of the noise: quiet on the left, loud on the right."""
NOISY = CLEAN + DAMAGE * gaussian(5)


def prior() -> Mixture:
    return Mixture.around((MEAN + 1) / 2, std=WIDTH / 2)


def halves(x: Tensor) -> tuple[float, float]:
    """Standard deviation, left and right."""
    left, right = x.chunk(2, -1)
    return float(left.std()), float(right.std())


class Told(Initializer):
    """Knows the damage."""

    name = "told"

    def __call__(self, start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Noise) -> Latent:
        entry = LaterEntry(start, DAMAGE, noise(start))
        return Latent(entry.latent(levels[-1]), levels[-1], entry=entry)


def landed(initializer: Initializer, sampler: Sampler) -> Tensor:
    model = prior()
    levels = model.schedule.ladder(f"nsr:{LOUD}", 40, Uniform())
    noise: Noise = lambda x: gaussian(6)  # noqa: E731
    parts = initializer, NoCorrector(), sampler, noise
    *_, last = resample(NOISY, levels, levels[-2::-1], Evaluator(loaded(model)).denoise, *parts)
    return last.x


@pytest.mark.parametrize("sampler", [DDIM(), DPMSolver()])
def test_local_level_lands_every_part_where_clean_pictures_live(sampler: Sampler) -> None:
    """Around MEAN clean pictures are WIDTH wide. One level for all makes the quiet half too narrow."""
    quiet, loud = halves(landed(Told(), sampler) - MEAN)
    assert quiet == pytest.approx(WIDTH, rel=0.04)
    assert loud == pytest.approx(WIDTH, rel=0.04)
    assert halves(landed(MatchedLevel(), sampler) - MEAN)[0] < 0.6 * WIDTH


def test_local_level_keeps_the_quiet_part_better() -> None:
    errors = [halves(landed(initializer, DDIM()) - CLEAN) for initializer in (Told(), MatchedLevel())]
    assert errors[0][0] < 0.8 * errors[1][0]
    assert errors[0][1] == pytest.approx(errors[1][1], rel=0.02)


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.6, 1.0])
def test_local_level_gives_a_part_above_its_own_level_the_levels_noise(ratio: float) -> None:
    level = prior().schedule.at(prior().schedule.timestep(ratio))
    left, right = halves(LaterEntry(NOISY, DAMAGE, gaussian(6)).latent(level) / level.alpha - CLEAN)
    assert left == pytest.approx(max(QUIET, level.ratio), rel=0.03)
    assert right == pytest.approx(max(LOUD, level.ratio), rel=0.03)


def test_local_level_leaves_a_part_below_its_own_level_to_the_sampler() -> None:
    schedule, x = prior().schedule, torch.zeros_like(NOISY)
    entry = LaterEntry(NOISY, DAMAGE, gaussian(6))
    for ratio, left, right in ((1.0, False, False), (0.3, False, True), (0.1, True, True)):
        level = schedule.at(schedule.timestep(ratio))
        found = [bool((half == 0).all()) for half in entry(x, level).chunk(2, -1)]
        assert found == [left, right]
        assert torch.equal(torch.where(level.ratio > DAMAGE, entry.latent(level), x), entry(x, level))
    assert torch.equal(entry(x, schedule.clean), x)


def test_unevenness_is_the_local_width() -> None:
    even, uneven = unevenness(gaussian(1)), unevenness(DAMAGE * gaussian(1))
    assert uneven.shape == (1, 1, SIDE, SIDE)
    for found in (even, uneven):
        assert float(found.square().mean()) == pytest.approx(1, abs=1e-4)
    assert float(even.max() / even.min()) < UNEVEN
    left, right = (float(half.mean()) for half in uneven.chunk(2, -1))
    assert right / left > LOUD / QUIET
    assert torch.isfinite(unevenness(torch.zeros(1, 3, 8, 8))).all()


@pytest.mark.parametrize("ratio", [0.2, None])
def test_damage_that_is_uneven_is_as_loud_as_said(ratio: float | None) -> None:
    levels = prior().schedule.ladder("nsr:0.6", 5, Uniform())
    latent = LocalLevel(ratio=ratio)(NOISY, levels, Evaluator(loaded(prior())).denoise, lambda x: gaussian(6))
    assert isinstance(latent.entry, LaterEntry)
    assert float(latent.entry.damage.square().mean().sqrt()) == pytest.approx(ratio or levels[-1].ratio, rel=1e-3)


def test_local_level_costs_an_evaluation() -> None:
    picture = ((NOISY + 1) / 2).clamp(0, 1)
    for initializer, nfe in (("matched-level", 5), ("local-level", 6), ("local-level:ratio=0.3", 6)):
        restorer = Restorer(prior(), strength="nsr:0.6", steps=5, initializer=initializer, corrector="none", **CPU)
        assert restorer(picture, seed=0).nfe == nfe


# ------------------------------------------------------------------------------------------- diagnosis


def diagnosed(picture: Tensor) -> Any:
    """By a model that knows the picture, so that its noise estimate is the damage itself."""
    model = Mixture.around((MEAN + 1) / 2, std=0.02)
    return diagnose_image(picture, {}, model, Evaluator(loaded(model)).model), model.schedule


def test_local_level_treats_uneven_noise_part_by_part() -> None:
    found, schedule = diagnosed((MEAN + 1) / 2 + DAMAGE / 4 * gaussian(5))
    assert found.family == "white noise"
    assert found.loudest == pytest.approx(LOUD / 2, rel=0.35)
    recipe = make_recipe(**(treatment(found, schedule) or {}))
    assert recipe.initializer is not None
    assert recipe.initializer["name"] == "dreamclean/local-level"
    assert float(recipe.initializer["ratio"]) == pytest.approx(found.ratio, rel=1e-3)
    assert recipe.strength == schedule.timestep(found.loudest)


def test_local_level_of_even_noise_is_one_level() -> None:
    found, schedule = diagnosed((MEAN + 1) / 2 + 0.1 * gaussian(5))
    assert (found.family, found.loudest) == ("white noise", None)
    recipe = treatment(found, schedule)
    assert recipe is not None and recipe["initializer"] == "dreamclean/matched-level"


def test_auto_treats_uneven_noise_in_fifteen_evaluations() -> None:
    model = Mixture.around((MEAN + 1) / 2, std=0.02)
    picture = (MEAN + 1) / 2 + DAMAGE / 4 * gaussian(5)
    result = Restorer(model, planner="auto", **CPU)(picture, seed=0)
    assert result.nfe == 6 + 1 + STEPS
    assert result.reports[0].loudest is not None
    again = Restorer(model, recipe=result.recipe, **CPU)(picture)
    assert torch.equal(again.image, result.image)
