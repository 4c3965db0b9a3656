"""The list of settings: recipes, ``Restorer``, the command line and the reference take every setting from it."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dreamclean import DreamCleanError, InvalidSetting, Mixture, Recipe, Restorer
from dreamclean.cli.planners import HELP, SHORTCUTS
from dreamclean.recipe.settings import KINDS, RecipeSettings, Settings, entries

REFERENCE = Path(__file__).parents[1] / "docs/reference/python.md"
NAMES = tuple(entries())


def test_settings_are_in_the_order_in_which_recipes_are_written() -> None:
    assert list(entries(RecipeSettings)) == list(Recipe.model_fields)[:-1]
    assert (*entries(RecipeSettings), "noise", "mask", "keep", "preset", "recipe", "device", "max_megapixels") == NAMES
    assert NAMES[: NAMES.index("strength")] == KINDS


@pytest.mark.parametrize("name", NAMES)
def test_settings_have_one_description_everywhere(name: str, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    setting = entries()[name].setting
    assert setting.description.endswith((".", "..."))
    flag, words = f"--{name.replace('_', '-')}", HELP.get(name, setting.description)
    for command in ("restore", "explain"):
        told = " ".join(cli(command, "--help").out.split())
        assert re.search(rf" {flag} [^.]*?{re.escape(words)}", told), command
    if name in entries(RecipeSettings):
        assert Recipe.model_fields[name].description == setting.description
    in_a_table = setting.description.replace("|", r"\|")
    assert f"| `{name}` |" in REFERENCE.read_text() and in_a_table in REFERENCE.read_text()


def test_options_of_restore_and_explain_are_the_settings_and_the_planners_shortcuts(cli) -> None:
    own = {"help", "overwrite", "json", "output", "workers", "shard", "report", "explain", "enlarge"}
    for command in ("restore", "explain"):
        flags = re.findall(r"^ +(?:-\w, )?--([\w-]+)", cli(command, "--help").out, re.MULTILINE)
        assert {flag.replace("-", "_") for flag in flags} - own == {*NAMES, *SHORTCUTS}


def test_setting_bounds_hold_everywhere(cli, pictures: Path) -> None:
    for name, low in (("steps", 0), ("tile", -1), ("seed", -1)):
        with pytest.raises(DreamCleanError, match=f"{name}: Input should be greater than or equal to {low + 1}"):
            Restorer("starter", **{name: low})
        status, _, err = cli("restore", "a.png", f"--{name}", low)
        assert (status, err.count("\n")) == (2, 1) and f"'--{name}': Input should be greater than or" in err


def test_setting_that_is_misspelt_is_one_clear_line() -> None:
    with pytest.raises(InvalidSetting, match=r"^there is no setting 'stepz'; did you mean 'steps'\?$"):
        Restorer(stepz=3)  # type: ignore[call-arg]
    with pytest.raises(InvalidSetting, match=r"^there is no setting 'colour'; there are prior, operator, "):
        Restorer(colour="red")  # type: ignore[call-arg]
    with pytest.raises(DreamCleanError, match=r"there is no setting 'stepz'; did you mean 'steps'\?"):
        Restorer(recipe={"stepz": 3})


def test_restorer_takes_the_prior_by_place_or_name() -> None:
    assert Restorer("starter", device="cpu").prior == Restorer(prior="starter", device="cpu").prior
    with pytest.raises(DreamCleanError, match="two priors are given"):
        Restorer("starter", prior="mixture")


def test_signature_tells_every_setting() -> None:
    parameters = inspect.signature(Restorer).parameters
    assert set(parameters) == {*NAMES, "model", "plugins"}
    assert parameters["prior"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert parameters["tile"].annotation == int | None


NEW = """
from typing import Annotated
from dreamclean.recipe import settings

entry = Annotated[int | None, settings.Setting("How far tiles overlap.", ge=0)]
for listed in (settings.RecipeSettings, settings.Settings):
    listed.__annotations__["overlap"] = entry
settings.entries.cache_clear()

import sys
import torch
from dreamclean import DreamCleanError, Mixture, Recipe, Restorer
from dreamclean.cli.main import main

picture = torch.rand(1, 3, 16, 16)
restorer = Restorer(Mixture.around(picture), overlap=3, strength=40, steps=1, device="cpu")
assert restorer.recipe.overlap == 3 and '"overlap":3' in restorer(picture).recipe.to_json()
assert Restorer(recipe=restorer.recipe, prior=restorer.prior, device="cpu").recipe.overlap == 3
assert restorer.explain(picture).settings["overlap"] == (3, "you")
try:
    Restorer(overlap=-1)
except DreamCleanError as error:
    print(error)
sys.argv = ["dreamclean", "explain", "--help"]
main()
"""


def test_setting_that_is_new_is_one_entry() -> None:
    done = subprocess.run([sys.executable, "-c", NEW], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "overlap: Input should be greater than or equal to 0 (got -1)" in done.stdout
    assert re.search(r"--overlap <int range> +How far tiles overlap\.  \[x>=0\]", done.stdout)


def test_setting_of_a_run_alone_is_no_recipes() -> None:
    alone = [name for name in Settings.__annotations__ if name not in RecipeSettings.__annotations__]
    for name in alone:
        with pytest.raises(DreamCleanError, match=f"there is no setting '{name}'"):
            Restorer(Mixture(), recipe={name: "x"})
