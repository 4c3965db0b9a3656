"""``planner="auto"``: each image is treated as its diagnosis says, or comes back as it was."""

import json
from dataclasses import replace
from typing import Any, ClassVar, Literal

import pytest
import torch
import torch.nn.functional as F
from pydantic import PrivateAttr
from torch import Tensor

from dreamclean import (
    JPEG,
    Auto,
    Blur,
    DDPMSchedule,
    DreamCleanError,
    FlowSchedule,
    Grain,
    Level,
    Mixture,
    Operator,
    Picture,
    Plan,
    Recipe,
    Restorer,
    Schedule,
    Step,
    VESchedule,
)
from dreamclean.builtin.planners.diagnosis import answers, auto
from dreamclean.builtin.planners.diagnosis.calibration import Calibration, calibration_of
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.builtin.planners.diagnosis.treatment import FAITHFUL, NOISE, STEPS, treatment
from dreamclean.host.host import host
from dreamclean.method.tiling import Tiles
from dreamclean.recipe.recipe import make_recipe

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
NAMED = ("white noise", "correlated noise", "blocking", "mixed")
"""The families that are treated."""
VPS_DRAWING = "vps:gamma=0.25,fused=true"
"""Draws noise anew, so that the seed tells."""
SCHEDULES = {
    "ddpm": DDPMSchedule.linear(),
    "short": DDPMSchedule.linear(20, 0.001, 0.4),
    "ve": VESchedule(),
    "denoiser": VESchedule(0.01, 0.4),
    "flow": FlowSchedule(),
}


def images(count: int, side: int = 32) -> Tensor:
    """Smooth colour pictures (count, 3, side, side) in [0.1, 0.9]."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    return 0.1 + 0.8 * F.interpolate(coarse, side, mode="bilinear")


CLEAN = images(3)
NOISY = CLEAN + torch.tensor([0.0, 0.1, 0.2]).view(3, 1, 1, 1) * torch.randn(
    CLEAN.shape, generator=torch.Generator().manual_seed(0)
)
"""The first as it was, the others with white noise."""


class Counting(Mixture):
    """Knows the clean pictures; counts its evaluations."""

    name = "counting"
    _calls: list[Level] = PrivateAttr(default_factory=list)

    def predict(self, x: Tensor, level: Level) -> Tensor:
        self._calls.append(level)
        return super().predict(x, level)


@pytest.fixture(autouse=True)
def calibrated(exact: Calibration, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ``Counting`` is."""
    known = calibration_of
    for module in (auto, answers):
        monkeypatch.setattr(
            module, "calibration_of", lambda prior: exact if isinstance(prior, Counting) else known(prior)
        )


def knowing(kind: type[Mixture] = Counting) -> Any:
    return kind.around(CLEAN, std=0.02)


def found(family: str, ratio: float | None) -> Diagnosis:
    return Diagnosis(family, ratio=ratio, nfe=6)


# --------------------------------------------------------------------------------------------- treatment


def bounds(schedule: Schedule) -> list[float]:
    quietest, loudest = (schedule.at(t).ratio for t in (schedule.lowest, schedule.highest))
    return [quietest * 1.001, quietest * 1.1, min(0.2, loudest), min(1.3, loudest), loudest]


@pytest.mark.parametrize("name", SCHEDULES)
def test_treatment_fits_every_family_of_levels(name: str) -> None:
    schedule = SCHEDULES[name]
    for ratio in bounds(schedule):
        recipe = made(treatment(found("white noise", ratio), schedule))
        assert recipe.strength is not None and recipe.steps is not None
        levels = schedule.ladder(recipe.strength, recipe.steps, host().make("spacing", schedule.usual))
        assert levels[-1] == schedule.at(schedule.timestep(ratio))
        assert 1 <= recipe.steps <= STEPS


def test_treatment_takes_fewer_steps_where_no_more_fit() -> None:
    schedule = DDPMSchedule.linear()
    for t, steps in ((1, 1), (3, 3), (7, 7), (8, 8), (300, 8)):
        recipe = made(treatment(found("mixed", schedule.at(t).ratio), schedule))
        assert (recipe.strength, recipe.steps) == (t, steps)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [(Blur(shape="gaussian", std=(1.0,)), [1.0, 0.93, 0.86]), (JPEG(quality=(30,)), [1.0, 0.6, 0.2])],
    ids=["blur", "jpeg"],
)
def test_treatment_by_an_operator_takes_detail(operator: Operator, expected: list[float]) -> None:
    """Said, it is the sampler's eta, which smooths; not said, the prior's own recipe stands."""
    schedule = DDPMSchedule.linear()
    damaged = replace(found("blur", 0.2), operator=operator)
    assert treatment(damaged, schedule) == {"operator": operator}
    etas = []
    for detail in (0.0, 0.5, 1.0):
        recipe = treatment(damaged, schedule, detail)
        assert recipe is not None and recipe["operator"] == operator
        etas.append(host().make("sampler", recipe["sampler"]).eta)
    assert etas == expected


def made(recipe: dict[str, Any] | None) -> Recipe:
    assert recipe is not None
    return make_recipe(**recipe)


def parts(family: str, detail: float, ratio: float = 0.2) -> tuple[float, int, float, float]:
    """A treatment's level in multiples of the diagnosed one, its steps, VPS's gamma and the sampler's eta."""
    schedule = DDPMSchedule.linear()
    recipe = made(treatment(found(family, ratio), schedule, detail))
    assert recipe.corrector is not None and recipe.sampler is not None
    assert recipe.corrector["name"] == ("dreamclean/vps" if "gamma" in recipe.corrector else "dreamclean/none")
    level = schedule.at(float(recipe.strength or 0)).ratio / ratio
    return level, recipe.steps or 0, float(recipe.corrector.get("gamma", 0)), float(recipe.sampler["eta"])


@pytest.mark.parametrize("family", NAMED)
def test_treatment_detail_goes_from_one_step_to_all(family: str) -> None:
    """At 0 the mean, by one evaluation at the level of the highest PSNR; steps and fresh noise come with detail."""
    noise = family in NOISE
    assert parts(family, 0) == (pytest.approx(FAITHFUL.get(family, 1), rel=0.02), 1, 0, 0)
    assert parts(family, 1) == (pytest.approx(1, rel=0.02), STEPS, 0 if noise else 0.25, 0 if noise else 1)
    steps = [parts(family, k / 4) for k in range(5)]
    assert [step[1] for step in steps] == [1, 2, 3, 5, 8]
    for k in range(1, 4):  # the level, the gamma and the eta go one way
        values = [step[k] for step in steps]
        assert values == sorted(values)
    assert [step[0] for step in steps] == sorted((step[0] for step in steps), reverse=True)


def test_treatment_faithful_end_is_a_level_that_the_prior_has() -> None:
    schedule = SCHEDULES["denoiser"]
    recipe = made(treatment(found("blocking", 0.7), schedule, 0))
    assert recipe.strength == schedule.highest


def test_treatment_of_noise_with_an_operator_is_as_crisp_as_of_any_noise() -> None:
    """Told, noise alone has fewer steps; found, as many as white noise that is found. Other operators keep the prior's recipe."""
    schedule = DDPMSchedule.linear()
    grain, blur = Grain(std=0.08), Blur(shape="gaussian", std=(1.0,), noise=0.02)
    assert treatment(Diagnosis("coloured noise", operator=grain), schedule) == {"operator": grain, "steps": 8}
    assert treatment(Diagnosis("coloured noise", operator=grain), schedule, 0.0) == {"operator": grain, "steps": 1}
    assert treatment(Diagnosis("blurred", operator=blur), schedule) == {"operator": blur}


def test_treatment_of_uneven_noise_needs_all_the_steps() -> None:
    uneven = replace(found("white noise", 0.1), loudest=0.3)
    recipes = [made(treatment(uneven, DDPMSchedule.linear(), detail)) for detail in (0, 1)]
    assert recipes[0] == recipes[1] and recipes[0].steps == STEPS


def test_auto_faithful_end_is_nearer_to_the_picture() -> None:
    """Of a mixture with some width the mean is known: one step is nearer in the mean square than all of them."""
    errors = [
        (Restorer(knowing(), planner=Auto(detail=detail), **CPU)(NOISY[1:]).image - CLEAN[1:]).square().mean()
        for detail in (0, 1)
    ]
    assert errors[0] < errors[1]


def test_treatment_of_what_is_left_alone_is_none() -> None:
    assert treatment(found("clean", None), DDPMSchedule.linear()) is None


# --------------------------------------------------------------------------------- what a Restorer makes


def test_auto_treats_every_image_by_its_own_diagnosis() -> None:
    result = Restorer(knowing(), **CPU)(NOISY, seed=[4, 5, 6])
    assert [diagnosis.family for diagnosis in result.reports] == ["clean", "white noise", "white noise"]
    for diagnosis, sigma in zip(result.reports[1:], (0.1, 0.2), strict=True):
        assert diagnosis.noise == pytest.approx(sigma, rel=0.15)
    assert torch.equal(result.image[0], NOISY[0])
    errors = [(x - CLEAN).square().mean((1, 2, 3)) for x in (result.image, NOISY)]
    assert (errors[0][1:] < 0.2 * errors[1][1:]).all()
    assert (result.recipe.strength, result.recipe.seed, result.nfe) == (None, 4, 6 + STEPS)
    assert result.recipe.planner == {"name": "auto", "detail": None, "tone": None}


def test_auto_result_is_the_same_alone_and_in_a_batch() -> None:
    restorer = Restorer(knowing(), planner="auto", corrector=VPS_DRAWING, **CPU)
    together = restorer(NOISY, seed=[4, 5, 6])
    for k in range(3):
        alone = restorer(NOISY[k : k + 1], seed=4 + k)
        assert torch.equal(alone.image, together.image[k : k + 1])
        assert alone.reports == together.reports[k : k + 1]
    again, other = restorer(NOISY, seed=[4, 5, 6]).image, restorer(NOISY, seed=7).image
    assert torch.equal(again, together.image)
    assert [torch.equal(a, b) for a, b in zip(other, again, strict=True)] == [True, False, False]


def test_auto_returns_a_picture_with_nothing_wrong_as_it_was() -> None:
    prior, heard = knowing(), []
    result = Restorer(prior, **CPU)(NOISY[:1], seed=9, trace=True, on_step=heard.append)
    assert torch.equal(result.image, NOISY[:1])
    assert len(prior._calls) == result.nfe == result.reports[0].nfe == 6
    assert (result.trace, heard, result.reports[0].ratio) == ([], [], None)
    assert (result.recipe.strength, result.recipe.seed, result.recipe.corrector) == (None, 9, None)
    assert (result.recipe.planner or {})["name"] == "auto"
    assert 0 < result.prior_seconds < result.seconds
    assert torch.equal(Restorer(knowing(), recipe=result.recipe, **CPU)(NOISY[:1]).image, NOISY[:1])


def test_auto_without_a_calibration_calls_nothing_clean() -> None:
    """White noise is still told and treated; what else there may be is not guessed at."""
    prior = Mixture.around(CLEAN, std=0.02)
    assert Restorer(prior, **CPU).plan(CLEAN[:1]).report.family == "unknown"
    with pytest.raises(DreamCleanError, match="no calibration: cannot tell compressed or blurred from clean; give"):
        Restorer(prior, **CPU)(CLEAN[:1])
    assert Restorer(prior, **CPU)(NOISY[1:2]).reports[0].family == "white noise"
    assert Restorer(prior, strength=40, **CPU)(CLEAN[:1]).nfe > 0


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_auto_keeps_every_byte_of_a_file_with_nothing_wrong(mode: str) -> None:
    photo = Picture(CLEAN[:1]).with_pixels(CLEAN[:1]).convert(mode)
    prior = Counting.around(Picture.from_pil(photo).pixels)
    image = Restorer(prior, **CPU)(photo).image
    assert (image.mode, image.tobytes()) == (mode, photo.tobytes())


def test_auto_treatment_is_told_to_listeners() -> None:
    prior, heard = knowing(), []
    result = Restorer(prior, **CPU)(NOISY[1:2], trace=True, on_step=heard.append)
    assert len(prior._calls) == result.nfe == 6 + STEPS
    assert [step.index for step in heard] == [step.index for step in result.trace] == list(range(STEPS + 1))
    assert all(isinstance(step, Step) for step in heard)
    assert 0 < result.prior_seconds < result.seconds


def test_auto_recipe_of_a_treated_picture_makes_it_again() -> None:
    result = Restorer(knowing(), planner="auto", corrector=VPS_DRAWING, **CPU)(NOISY[2:], seed=3)
    recipe = result.recipe
    assert (recipe.planner, recipe.steps, recipe.seed) == ({"name": "fixed"}, STEPS, 3)
    assert recipe.strength == DDPMSchedule.linear().timestep(result.reports[0].ratio or 0)
    again = Restorer(knowing(), recipe=json.loads(recipe.to_json()) | {"prior": None}, device="cpu")(NOISY[2:])
    assert torch.equal(again.image, result.image)
    assert (again.nfe, again.reports) == (STEPS, [])
    assert again.recipe == recipe


# ------------------------------------------------------------------------------------------- what is said


class Recommending(Counting):
    """Recommends the diagnosis and something more."""

    name = "recommending"

    def recipe_for(self, operator: Operator | None) -> dict[str, Any]:
        return {} if operator else {"planner": "auto", "steps": 3, "sampler": "dpm-solver"}


@pytest.mark.parametrize(
    ("said", "expected", "nfe"),
    [
        ({}, ("matched-level", "none", "ddim", 8, 0), 8),
        ({"steps": 3, "seed": 5}, ("matched-level", "none", "ddim", 3, 5), 3),
        ({"corrector": "vps:gamma=0.3"}, ("matched-level", "vps", "ddim", 8, 0), 16),
        (
            {"sampler": "dpm-solver", "initializer": "forward-noising"},
            ("forward-noising", "none", "dpm-solver", 8, 0),
            8,
        ),
        ({"preset": "paper", "steps": 4}, ("ddim-inversion", "vps", "ddim", 4, 0), 12),
    ],
)
def test_auto_keeps_what_the_user_said(said: dict[str, Any], expected: tuple[Any, ...], nfe: int) -> None:
    result = Restorer(knowing(), planner="auto", **said, **CPU)(NOISY[1:2])
    parts = (result.recipe.initializer, result.recipe.corrector, result.recipe.sampler)
    assert (*(part and part["name"] for part in parts), result.recipe.steps, result.recipe.seed) == expected
    assert result.nfe == 6 + nfe
    assert result.recipe.strength == DDPMSchedule.linear().timestep(result.reports[0].ratio or 0)


def test_auto_leaves_what_the_prior_recommends_to_a_fixed_recipe() -> None:
    recipe = Restorer(knowing(Recommending), **CPU)(NOISY[1:2]).recipe
    assert recipe.steps == STEPS
    recipe = Restorer(knowing(Recommending), strength=100, **CPU)(NOISY[1:2]).recipe
    assert (recipe.strength, recipe.steps, recipe.sampler) == (100, 3, {"name": "dpm-solver", "eta": 0.0})


class Latent(Counting):
    """A prior that says its space is another."""

    name = "latent-counting"
    space: ClassVar[Literal["pixel", "latent"]] = "latent"


@pytest.mark.parametrize(
    ("kind", "said", "message"),
    [
        (Counting, {"planner": "auto:detail=0.5", "strength": 100}, "auto chooses the strength itself"),
        (Counting, {"planner": "auto:detail=2"}, "detail: Input should be less than or equal to 1"),
        (Counting, {"planner": "auto", "operator": "identity"}, "leave it out beside an operator, and use --detail"),
        (Latent, {"planner": "auto"}, "auto is for blind restoration in pixel space"),
        (Counting, {"strength": "automatic"}, "nsr:R with the noise-to-signal ratio R"),
    ],
)
def test_auto_refuses_what_does_not_fit_together(kind: type[Mixture], said: dict[str, Any], message: str) -> None:
    with pytest.raises(DreamCleanError, match=message) as raised:
        Restorer(knowing(kind), **said, **CPU)
    assert "\n" not in str(raised.value)


def test_auto_leaves_latents_to_the_papers_settings() -> None:
    assert Restorer(knowing(Latent), **CPU).recipe.strength == 300
    assert Restorer(knowing(Latent), **CPU).plan(NOISY[:1]) == Plan()


def test_strength_of_ones_own_has_a_matched_start_where_auto_is_recommended() -> None:
    restorer = Restorer("starter", strength=40)
    assert (restorer.recipe.initializer or {})["name"] == "matched-level"
    assert (restorer.recipe.strength, restorer.recipe.steps) == (40, 4)
    paper = Restorer("starter", preset="paper")
    assert ((paper.recipe.initializer or {})["name"], paper.recipe.steps) == ("ddim-inversion", 30)


def test_recipe_of_earlier_versions_is_read() -> None:
    old = {"strength": "auto", "detail": 0.5, "samples": 2}
    restorer = Restorer(knowing(), recipe=old, **CPU)
    assert (restorer.planner, restorer.recipe.samples) == (Auto(detail=0.5), 2)
    assert Restorer(knowing(), strength="auto", **CPU).planner == Auto()


def test_samples_mean_is_nearer_and_can_be_made_again() -> None:
    """Each sample has noise of its own; the mean of four is theirs, in four times the evaluations."""
    noisy = (images(1) + 0.1 * torch.randn(images(1).shape, generator=torch.Generator().manual_seed(3))).clamp(0, 1)
    made = [Restorer("starter", planner="auto", corrector=VPS_DRAWING, **CPU)(noisy, seed=k).image for k in range(5, 9)]
    restorer = Restorer("starter", planner="auto", samples=4, corrector=VPS_DRAWING, **CPU)
    mean = restorer(noisy, seed=5)
    torch.testing.assert_close(mean.image, torch.stack(made).mean(0))
    assert mean.nfe == mean.reports[0].nfe + 4 * (mean.recipe.steps or STEPS)
    assert not torch.equal(made[0], made[1])
    assert torch.equal(Restorer(recipe=mean.recipe, device="cpu")(noisy).image, mean.image)


def test_tile_made_smaller_for_one_picture_stays_so_for_the_next() -> None:
    restorer = Restorer("starter", planner="auto", **CPU)
    assert isinstance(restorer._setup.tiles, Tiles)
    restorer._setup.tiles._tile = 64
    noisy = (images(1) + 0.1 * torch.randn(images(1).shape, generator=torch.Generator().manual_seed(3))).clamp(0, 1)
    result = restorer(noisy)
    assert result.recipe.strength is not None and result.recipe.tile == 64
