"""Names of earlier versions: read in stored recipes, said anew to whoever writes them today."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from dreamclean import DDPMSchedule, DreamCleanError, DreamCleanWarning, Recipe, Restorer, read_recipe


def stored(folder: Path, **fields: Any) -> Recipe:
    """The recipe read from a file with ``fields``, without a word."""
    (folder / "old.json").write_text(json.dumps(fields))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_recipe(folder / "old.json")


def test_strength_by_its_old_name_is_taken_with_a_warning() -> None:
    with pytest.warns(DreamCleanWarning, match=r"strength snr:0.4 is a noise-to-signal ratio; write nsr:0.4$") as said:
        assert Restorer("starter", strength="snr:0.4", device="cpu").recipe.strength == "nsr:0.4"
    assert len(said) == 1 and said[0].filename == __file__
    schedule = DDPMSchedule.linear()
    with pytest.warns(DreamCleanWarning, match="write nsr:1.24"):
        assert schedule.resolve("snr:1.24") == schedule.resolve("nsr:1.24") == 300


def test_read_recipe_takes_a_ratios_old_name_without_a_warning(tmp_path: Path) -> None:
    assert stored(tmp_path, strength="snr:0.4").strength == "nsr:0.4"
    assert stored(tmp_path, strength="nsr:0.4").strength == "nsr:0.4"
    assert stored(tmp_path, strength=300).strength == 300


@pytest.mark.parametrize("name", ["vps", "dreamclean/langevin", "gradient-ascent"])
def test_read_recipe_takes_a_correctors_steps_for_repeats(tmp_path: Path, name: str) -> None:
    for corrector in (f"{name}:gamma=0.1,steps=2", {"name": name, "gamma": 0.1, "steps": 2}):
        recipe = stored(tmp_path, corrector=corrector, strength=300, steps=3)
        assert recipe.steps == 3
        assert getattr(Restorer("starter", recipe=recipe, device="cpu").corrector, "repeats", None) == 2
    others = {"name": "somebodys/refresh", "steps": 2}
    assert stored(tmp_path, corrector=others).corrector == others
    with pytest.raises(DreamCleanError, match="names no component"):
        stored(tmp_path, corrector={"steps": 2})


def test_read_recipe_takes_a_planners_samples_for_its_own(tmp_path: Path) -> None:
    recipe = stored(tmp_path, planner={"name": "dreamclean/auto", "detail": 0.5, "samples": 3})
    assert (recipe.planner, recipe.samples) == ({"name": "dreamclean/auto", "detail": 0.5}, 3)
    assert stored(tmp_path, planner="auto", samples=2).samples == 2
