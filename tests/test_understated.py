"""The network told less noise than there is."""

from typing import Any

import pytest
import torch
from torch import Tensor

from dreamclean import DDPMSchedule, DreamCleanError, Evaluator, Level, Mixture, Recipe, Restorer
from dreamclean.method.asking import understated
from dreamclean.testing import loaded

SCHEDULE = DDPMSchedule.linear()
CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32", "strength": 200, "steps": 4}


def picture() -> Tensor:
    return torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_understated_makes_the_estimate_of_the_level_it_is_told(share: float) -> None:
    model = loaded(Mixture.around(picture(), std=0.2))
    level, x = SCHEDULE.at(300), torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    told = SCHEDULE.at(SCHEDULE.timestep((1 - share) * level.ratio))
    own = Evaluator(model).prior(told.alpha / level.alpha * x, told).x0
    assert torch.allclose(Evaluator(model, understate=share).prior(x, level).x0, own, atol=1e-5)
    assert told.ratio == pytest.approx((1 - share) * level.ratio, rel=0.02)


def test_understated_leaves_the_lowest_levels_alone() -> None:
    asked: list[Level] = []

    def ask(x: Tensor, level: Level) -> Tensor:
        asked.append(level)
        return x

    x = torch.ones(1, 3, 2, 2)
    for level in (SCHEDULE.clean, SCHEDULE.at(1)):
        assert torch.equal(understated(ask, SCHEDULE, 0.001)(x, level), x)
    assert asked == [SCHEDULE.clean, SCHEDULE.at(1)]


def test_understate_keeps_more_and_costs_nothing() -> None:
    noisy = picture() + 0.2 * torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    prior = Mixture.around(picture(), std=0.05)
    settings: dict[str, Any] = {"initializer": "matched-level", "corrector": "none", **CPU}
    plain, told = (Restorer(prior, understate=share, **settings)(noisy) for share in (None, 0.2))
    assert told.nfe == plain.nfe == 4
    assert (told.image - picture()).abs().mean() > 1.1 * (plain.image - picture()).abs().mean()
    assert torch.equal(Restorer(prior, understate=0.0, **settings)(noisy).image, plain.image)
    assert told.recipe.understate == 0.2
    again = Restorer(prior, recipe=told.recipe, device="cpu")(noisy)
    assert torch.equal(again.image, told.image)


@pytest.mark.parametrize("share", [-0.1, 0.5, 1])
def test_understate_out_of_range_is_one_clear_line(share: float) -> None:
    with pytest.raises(DreamCleanError, match=r"understate.*from 0 to below 0.5"):
        Restorer(Mixture.around(picture(), std=0.2), understate=share, **CPU)


def test_understate_is_none_in_a_recipe_that_does_not_say_it() -> None:
    assert Recipe.model_validate_json(Recipe(steps=3).model_dump_json()).understate is None
    assert Recipe.model_validate_json(Recipe(understate=0.1).model_dump_json()).understate == 0.1
