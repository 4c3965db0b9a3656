"""Where noise levels lie: the formulas, on every schedule, and how a spacing is chosen."""

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from dreamclean import (
    DDPMSchedule,
    DreamCleanError,
    FlowSchedule,
    Karras,
    LogSNR,
    Mixture,
    Restorer,
    Schedule,
    Spacing,
    Uniform,
    VESchedule,
    read_recipe,
)
from dreamclean.cli.main import app
from dreamclean.host.host import Host

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}


def gaps(spacing: Spacing, schedule: Schedule, even: Any) -> list[float]:
    levels = schedule.ladder("nsr:0.9", 8, spacing)[1:]
    return [even(b.ratio) - even(a.ratio) for a, b in itertools.pairwise(levels)]


@pytest.mark.parametrize("schedule", [VESchedule(), FlowSchedule()], ids=["ve", "flow"])
@pytest.mark.parametrize(
    ("spacing", "even"),
    [(LogSNR(), math.log), (Karras(), lambda r: r ** (1 / 7)), (Karras(rho=2), math.sqrt), (Karras(rho=1), float)],
    ids=repr,
)
def test_spacing_is_even_on_its_own_scale(spacing: Spacing, even: Any, schedule: Schedule) -> None:
    found = gaps(spacing, schedule, even)
    assert max(found) == pytest.approx(min(found), rel=1e-6)
    assert gaps(Uniform(), schedule, even) != pytest.approx(found, rel=1e-3) or even is float


def test_uniform_is_even_in_t() -> None:
    levels = FlowSchedule().ladder(0.6, 7, Uniform())
    steps = [b.t - a.t for a, b in itertools.pairwise(levels)]
    assert max(steps) == pytest.approx(min(steps))


@pytest.mark.parametrize("spacing", [LogSNR(), Karras(), Uniform()], ids=repr)
@pytest.mark.parametrize(("top", "steps"), [(300, 30), (40, 40), (41, 40), (3, 2)])
def test_spacing_visits_whole_timesteps_once(spacing: Spacing, top: int, steps: int) -> None:
    times = [level.t for level in DDPMSchedule.linear().ladder(top, steps, spacing)]
    assert times == sorted(set(times)) and len(times) == steps + 1
    assert (times[0], times[-1]) == (0, top)
    assert all(isinstance(t, int) for t in times)


def test_spacing_takes_the_nearest_timesteps_where_they_are_dense() -> None:
    schedule = DDPMSchedule.linear()
    assert schedule.nearest([0, 0.2, 0.4, 7.6, 9]) == [0, 1, 2, 8, 9]
    assert schedule.nearest([0, 8.8, 8.9, 9]) == [0, 7, 8, 9]


@pytest.mark.parametrize(("family", "usual"), [("ddpm", "uniform"), ("ve", "karras"), ("flow", "uniform")])
def test_schedule_names_its_usual_spacing(family: Any, usual: str) -> None:
    prior = Mixture.around(IMAGES, std=0.1, family=family)
    restorer = Restorer(prior, strength="nsr:0.5", steps=6, **CPU)
    said = restorer.recipe.spacing
    assert said is not None and said["name"].removeprefix("dreamclean/") == usual
    spacing: Spacing = Host([]).make("spacing", usual)
    assert restorer.levels == prior.schedule.ladder("nsr:0.5", 6, spacing)


def test_spacing_is_chosen_and_written_down() -> None:
    prior = Mixture.around(IMAGES, std=0.1)
    restorer = Restorer(prior, spacing="karras:rho=3", strength=300, steps=6, **CPU)
    result = restorer(IMAGES[:1])
    assert result.recipe.spacing == {"name": "karras", "rho": 3.0}
    assert restorer.levels == prior.schedule.ladder(300, 6, Karras(rho=3))
    again = Restorer(prior, recipe=result.recipe, **CPU)
    assert torch.equal(again(IMAGES[:1]).image, result.image)
    assert not torch.equal(Restorer(prior, strength=300, steps=6, **CPU)(IMAGES[:1]).image, result.image)


def test_recipe_without_a_spacing_takes_the_usual_one() -> None:
    prior = Mixture.around(IMAGES, std=0.1, family="ve")
    old = Restorer(prior, strength="nsr:0.5", steps=6, **CPU).recipe.model_copy(update={"spacing": None})
    assert isinstance(Restorer(prior, recipe=old, **CPU).spacing, Karras)


def test_spacing_on_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray((IMAGES[0] * 255).byte().permute(1, 2, 0).numpy()).save(folder / "a.png")
    arguments = ["restore", str(folder / "a.png"), "-o", str(tmp_path / "out.png"), "--strength", "200", "--steps", "3"]
    prior = ["--prior", f"mixture:path={folder},std=0.1", "--device", "cpu"]
    app([*arguments, *prior, "--spacing", "log-snr"], standalone_mode=False)
    assert read_recipe(tmp_path / "out.png").spacing == {"name": "log-snr"}


def test_spacing_that_is_not_there_is_one_line() -> None:
    with pytest.raises(DreamCleanError, match="there is no spacing 'kerras'; did you mean 'karras'"):
        Restorer(Mixture.around(IMAGES), spacing="kerras", **CPU)
