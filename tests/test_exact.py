"""``exact``: float32, one thread, deterministic algorithms, every image alone; recorded in the recipe."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from dreamclean import DDPMSchedule, DreamCleanError, Identity, Model, Prior, Restorer
from dreamclean.cli.main import app
from dreamclean.contracts.levels import Level
from dreamclean.pictures.picture import embedded_recipe

FEW = {"strength": 100, "steps": 2, "device": "cpu"}
asked: list[tuple[object, ...]] = []


class Spy(Prior):
    """Notes how it is asked: batch, whether memory begins at a multiple of 64 bytes, threads, determinism."""

    name = "spy"

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        return Model(DDPMSchedule.linear(), self.predict)

    def predict(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        aligned = x.data_ptr() % 64 == 0
        asked.append((len(x), aligned, torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()))
        return 0.5 * x


@pytest.fixture(autouse=True)
def two_threads() -> None:
    asked.clear()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2, "exact has left its mark"
    assert not torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(before)


def batch() -> torch.Tensor:
    return torch.rand(3, 3, 5, 7, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("operator", [None, Identity(noise=0.1)], ids=["blind", "known"])
def test_exact_computes_every_image_alone_on_one_thread(operator):
    exact = Restorer(Spy(), operator=operator, exact=True, **FEW)
    result = exact(batch(), seed=[1, 2, 3], trace=True)
    assert set(asked) == {(1, True, 1, True)}
    assert (exact.dtype, result.recipe.exact, result.recipe.dtype) == (torch.float32, True, "float32")
    assert (len(result.trace), result.recipe.seed) == (3 * 3, 1)
    for k, seed in enumerate((1, 2, 3)):
        assert torch.equal(exact(batch()[k : k + 1], seed=seed).image, result.image[k : k + 1])
    asked.clear()
    Restorer(Spy(), operator=operator, **FEW)(batch())
    assert {note[0] for note in asked} == {3}
    assert {note[2:] for note in asked} == {(2, False)}


def test_exact_covers_a_diagnosis_and_what_follows_it():
    exact = Restorer(Spy(), planner="auto", exact=True, device="cpu")
    with pytest.raises(DreamCleanError, match="no calibration"):
        exact(torch.rand(2, 3, 32, 32))
    exact.plan(torch.rand(1, 3, 32, 32))
    assert {(note[0], *note[2:]) for note in asked} == {(1, 1, True)}


def test_exact_leaves_torch_as_it_was_after_an_error():
    with pytest.raises(RuntimeError, match="stop"):
        Restorer(Spy(), exact=True, **FEW)(batch(), on_step=lambda step: exec("raise RuntimeError('stop')"))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_exact_refuses_another_precision(dtype: str, tmp_path: Path):
    said = f"computed in float32, not in {dtype}; leave one of the two away"
    (tmp_path / "recipe.toml").write_text("exact = true")
    for settings in ({"exact": True}, {"recipe": tmp_path / "recipe.toml"}):
        with pytest.raises(DreamCleanError, match=said):
            Restorer(Spy(), dtype=dtype, **settings, **FEW)
    (tmp_path / "recipe.toml").write_text(f"exact = true\ndtype = '{dtype}'")
    with pytest.raises(DreamCleanError, match=said):
        Restorer(Spy(), recipe=tmp_path / "recipe.toml", **FEW)


def test_exact_goes_before_a_recipes_precision_and_can_be_taken_back():
    recipe = {"dtype": "bfloat16"}
    assert Restorer(Spy(), recipe=recipe, exact=True, **FEW).dtype == torch.float32
    inexact = Restorer(Spy(), recipe={"exact": True}, exact=False, dtype="bfloat16", **FEW)
    assert (inexact.dtype, inexact.recipe.exact) == (torch.bfloat16, False)


def test_exact_on_the_command_line(unet: str, photo: Image.Image, tmp_path: Path):
    photo.save(tmp_path / "in.png")
    few = ["--prior", unet, "--strength", "100", "--steps", "2", "--device", "cpu"]
    for name, more in (("a", ["--exact"]), ("b", ["--recipe", str(tmp_path / "a.png")])):
        command = ["restore", str(tmp_path / "in.png"), "-o", str(tmp_path / f"{name}.png"), *few, *more]
        assert not app(command, standalone_mode=False)
        assert '"exact":true' in embedded_recipe(tmp_path / f"{name}.png")
        torch.set_num_threads(2)
    assert Image.open(tmp_path / "a.png").tobytes() == Image.open(tmp_path / "b.png").tobytes()
