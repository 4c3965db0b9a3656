"""Where every value comes from: ``Restorer.explain`` and ``dreamclean explain``."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamclean import DreamCleanError, Mixture, Operator, Plan, Planner, Recipe, Restorer, hookimpl
from dreamclean.host.host import Host, Plugin
from dreamclean.recipe.layers import Layers
from dreamclean.recipe.settings import RecipeSettings, entries

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}


class Found:
    """A report."""

    def words(self) -> str:
        return "found: a little noise"

    def summary(self) -> str:
        return "a little noise"

    def spec(self) -> dict[str, Any]:
        return {"noise": 0.1}


class Looking(Planner):
    """Answers what it was made with."""

    name = "looking"
    recipe: dict[str, Any] | None = None
    refusal: str = ""

    def __call__(self, image: Tensor, info: Any, prior: Any, predict: Any) -> Plan:
        return Plan(self.recipe, Found(), self.refusal)


class Recommending(Mixture):
    """A mixture with a recipe of its own."""

    name = "recommending"

    def recipe_for(self, operator: Operator | None) -> dict[str, Any]:
        return {"corrector": "none", "steps": 7, "strength": 200}


def image(side: int = 16) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def prior(cls: type[Mixture] = Recommending) -> Mixture:
    return cls.around(image(), std=0.1)


def sources(restorer: Restorer) -> dict[str, str]:
    return {name: source for name, (_, source) in restorer.explain(image()).settings.items()}


def test_layers_the_first_that_sets_a_field_decides_it() -> None:
    layers = Layers().over("top", Recipe(steps=3)).over("middle", Recipe(steps=4, seed=0)).over("low", Recipe(tile=64))
    assert (layers.recipe.steps, layers.recipe.tile, layers.recipe.strength) == (3, 64, None)
    assert [layers.source(name) for name in ("steps", "seed", "tile", "strength")] == ["top", "middle", "low", None]


@pytest.mark.filterwarnings("ignore::dreamclean.DreamCleanWarning")
def test_explain_names_the_layer_of_each_value(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('corrector = "langevin"\nsteps = 4\nseed = 0')
    restorer = Restorer(prior(), recipe=tmp_path / "mine.toml", preset="paper", steps=2, **CPU)
    found = sources(restorer)
    assert {name: found[name] for name in ("prior", "steps", "dtype", "device")} == dict.fromkeys(
        ("prior", "steps", "dtype", "device"), "you"
    )
    assert {found[name] for name in ("corrector", "seed")} == {"recipe mine.toml"}
    assert {found[name] for name in ("strength", "sampler", "path")} == {"preset paper"}
    assert (found["planner"], found["tile"], found["exact"]) == ("preset paper (strength)", "default", "default")
    automatic = Restorer(prior(), dtype="auto")
    plain = sources(automatic)
    assert (plain["strength"], plain["corrector"], plain["sampler"]) == ("prior recommending",) * 2 + ("paper",)
    assert (plain["dtype"], plain["device"]) == (f"device {automatic.device}", "default")
    assert sources(Restorer(prior(), exact=True))["dtype"] == "you (exact)"
    assert sources(Restorer(prior(), operator="identity", **CPU))["planner"] == "you (operator)"


def test_explain_lays_the_plan_under_the_user_and_over_the_prior() -> None:
    planner = Looking(recipe={"strength": 100, "steps": 5, "corrector": "vps:gamma=0.2"})
    restorer = Restorer(prior(), planner=planner, steps=2, **CPU)
    told = restorer.explain(image())
    assert told.settings["steps"] == (2, "you")
    assert told.settings["strength"] == (100, "planner looking")
    assert told.settings["corrector"].source == "planner looking"
    assert told.settings["planner"].source == "you" and told.settings["planner"].value["name"] == "looking"
    assert told.settings["sampler"].source == "paper"
    assert (told.restores, told.spec()["summary"], told.spec()["report"]) == (True, "a little noise", {"noise": 0.1})
    assert str(told).endswith("found: a little noise")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"preset": "paper", "steps": 2},
        {"operator": "blur:std=2", "noise": 0.1, "steps": 2, "tile": 16},
        {"planner": Looking(recipe={"strength": 100, "steps": 3, "operator": "jpeg:quality=30"})},
    ],
    ids=["plain", "preset", "known", "planned"],
)
@pytest.mark.filterwarnings("ignore::dreamclean.DreamCleanWarning")
def test_explain_says_what_a_restoration_does(settings: dict[str, Any]) -> None:
    restorer = Restorer(prior(), **settings, **CPU)
    told, done = restorer.explain(image()).settings, restorer(image()).recipe
    for name in entries(RecipeSettings):
        if name not in ("planner", "exact"):
            assert told[name].value == getattr(done, name), name


def test_explain_keeps_the_noise_of_a_known_operator_beside_a_plan() -> None:
    planner = Looking(recipe={"strength": 100, "steps": 2})
    restorer = Restorer(prior(), planner=planner, operator="identity", noise=0.2, **CPU)
    assert restorer.explain(image()).settings["operator"] == (restorer.recipe.operator, "you")
    assert restorer(image()).recipe.operator["noise"] == 0.2


def test_explain_takes_tile_and_precision_of_the_prior_beside_a_plan() -> None:
    class Particular(Recommending):
        name = "particular"

        def recipe_for(self, operator: Operator | None) -> dict[str, Any]:
            return {"tile": 32, "dtype": "float64"}

    restorer = Restorer(prior(Particular), planner=Looking(recipe={"strength": 100, "steps": 2}), device="cpu")
    told = restorer.explain(image()).settings
    assert (told["tile"], told["dtype"]) == ((32, "prior particular"), ("float64", "prior particular"))
    assert (restorer.dtype, restorer(image()).recipe.tile) == (torch.float64, 32)


def test_explain_says_nothing_of_a_plan_that_the_run_does_not_follow() -> None:
    plan = {"strength": 100, "steps": 2, "tile": 64, "dtype": "float64", "seed": 7}
    restorer = Restorer(prior(), planner=Looking(recipe=plan), device="cpu", dtype="float32", seed=1)
    told, done = restorer.explain(image()).settings, restorer(image()).recipe
    assert (told["steps"], told["seed"]) == ((2, "planner looking"), (1, "you"))
    for name in ("tile", "dtype", "seed"):
        assert told[name].source != "planner looking"
        assert (told[name].value or None) == (getattr(done, name) or None), name


@pytest.mark.filterwarnings("ignore::dreamclean.DreamCleanWarning")
def test_a_planner_of_a_package_may_be_called_fixed() -> None:
    class Mine(Looking):
        name = "fixed"

    class Package:
        @staticmethod
        @hookimpl
        def register_planners(register: Any) -> None:
            register(Mine)

    both = Host([Plugin("package", "1", "main", lambda: Package)])
    assert Restorer(prior(), strength=100, steps=2, plugins=both, **CPU)(image()).recipe.steps == 2
    told = Restorer(prior(), planner="dreamclean/fixed", preset="paper", **CPU).explain(image()).settings
    assert told["strength"].source == "preset paper"


def test_explain_restores_nothing_and_says_when_nothing_would_be() -> None:
    class Unasked(Mixture):
        def predict(self, x: Any, level: Any) -> Any:
            raise AssertionError

    told = Restorer(prior(Unasked), planner=Looking(), corrector="none", **CPU).explain(image())
    assert not told.restores and "strength" not in told.settings
    assert told.settings["corrector"] == ({"name": "none"}, "you")
    assert Restorer(prior(Unasked), strength=40, **CPU).explain(image()).restores
    with pytest.raises(DreamCleanError, match=r"^ask somebody$"):
        Restorer(prior(), planner=Looking(refusal="ask somebody"), **CPU).explain(image())
    with pytest.raises(DreamCleanError, match=r"nowhere\.png"):
        Restorer(prior(), strength=40, **CPU).explain("nowhere.png")


MIXTURE = ("--prior", "mixture:path=folder,std=0.1", "--device", "cpu", "--dtype", "float32")


def test_explain_command_prints_a_table_and_the_same_as_json(cli, pictures: Path) -> None:
    options = ("--strength", 100, "--steps", 2, "--corrector", "vps:gamma=0.2", *MIXTURE)
    status, out, err = cli("explain", "a.png", "folder", *options)
    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if line.endswith(".png")] == ["a.png", "folder/c.png"]
    assert "steps        2 " in out and "corrector    vps:gamma=0.2,repeats=1,projected=true,fused=false  you\n" in out
    assert not list(pictures.glob("*-restored.png"))
    said = json.loads(cli("explain", "a.png", "--json", *options).out)
    done = json.loads(cli("restore", "a.png", "--json", *options).out)
    values = {name: found["value"] for name, found in said["settings"].items() if found["value"] is not None}
    assert {**done["recipe"], "exact": False, "device": "cpu"} == {**values, "versions": done["recipe"]["versions"]}
    assert said["settings"]["strength"] == {"value": 100, "from": "you"}
    assert (said["input"], said["status"], said["restores"]) == ("a.png", "done", True)


def test_explain_command_takes_the_recipe_of_a_picture(cli, pictures: Path) -> None:
    assert cli("restore", "a.png", "--strength", 100, "--steps", 2, "--seed", 5, *MIXTURE).status == 0
    said = json.loads(cli("explain", "b.png", "--json", "--recipe", "a-restored.png", "--steps", 3).out)["settings"]
    assert said["seed"] == {"value": 5, "from": "recipe a-restored.png"}
    assert said["steps"] == {"value": 3, "from": "you"}


def test_explain_command_says_where_a_mask_comes_from_and_refuses_one_of_another_size(cli, pictures: Path) -> None:
    for name, side in (("mask", 16), ("small", 9)):
        mask = Image.new("L", (side, side))
        mask.paste(255, (2, 2, 7, 5))
        mask.save(f"{name}.png")
    status, out, _ = cli("explain", "a.png", "--mask", "mask.png", *MIXTURE)
    lines = {line.split()[0]: line for line in out.splitlines()[1:] if line}
    assert status == 0 and lines["operator"].endswith("you (mask)") and lines["planner"].endswith("you (mask)")
    assert len(lines["operator"]) < 140 and "..." in lines["operator"]
    assert "small.png is 9x9, the picture 16x16" in cli("explain", "a.png", "--mask", "small.png", *MIXTURE).err


def test_explain_command_reports_what_cannot_be(cli, pictures: Path) -> None:
    Path("bad.png").write_text("no picture")
    status, out, err = cli("explain", "bad.png", "a.png", "--strength", 100, "--json", *MIXTURE)
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["failed", "done"]
    assert status == 2 and err.startswith("error: bad.png") and err.count("\n") == 1
    status, out, err = cli("explain", "a.png", "--detail", 2)
    assert (status, out) == (2, "") and "--detail" in err
    assert Image.open("a.png").size == (16, 16)
