"""Copies, comparison and recipes of components that hold more than their settings."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from pydantic import Field, PrivateAttr
from torch import Tensor, nn

from dreamclean import Blur, Denoiser, DreamCleanError, Evaluator, Identity, LinearOperator, Mixture, Restorer
from dreamclean.contracts.component import Component
from dreamclean.contracts.errors import InvalidSetting
from dreamclean.testing import loaded

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
QUICK: dict[str, Any] = {"strength": 300, "steps": 2, "device": "cpu", "dtype": "float32"}


class Scale(nn.Module):
    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, y: Tensor) -> Tensor:
        return y * self.by


def scripted(folder: Path, by: float) -> str:
    path = str(folder / f"{by:g}.pt")
    torch.jit.save(torch.jit.script(Scale(by)), path)  # type: ignore[no-untyped-call]
    return path


def denoised(prior: Denoiser) -> float:
    """What the denoiser makes of a pixel of 0.5."""
    model = loaded(prior)
    x = model.codec.encode(torch.full((1, 3, 8, 8), 0.5))
    return float(model.codec.decode(Evaluator(model).prior(x, model.schedule.at(0.1)).x0).mean())


class Derived(LinearOperator):
    """An operator with what it computes of its settings, what it is given, and what it loads."""

    name = "derived"
    side: int = Field(default=2, description="Side")
    _area: int = PrivateAttr(0)
    _given: Tensor | None = PrivateAttr(None)
    _notes: list[Tensor] = PrivateAttr(default_factory=list)

    def model_post_init(self, context: Any) -> None:
        self._area = self.side**2

    def degrade(self, x: Tensor) -> Tensor:
        return x


# Copies


def test_model_copy_with_another_file_runs_that_file(tmp_path: Path) -> None:
    half, third = scripted(tmp_path, 0.5), scripted(tmp_path, 0.25)
    prior = Denoiser(path=half, sigma="none")
    assert denoised(prior) == pytest.approx(0.25)
    assert denoised(prior.model_copy(update={"path": third})) == pytest.approx(0.125)
    assert denoised(prior) == pytest.approx(0.25)
    given = Denoiser.of(lambda y, sigma: y, sigma="none")
    assert denoised(given) == pytest.approx(0.5)
    assert denoised(given.model_copy(update={"path": half})) == pytest.approx(0.25)
    with pytest.raises(DreamCleanError, match="is not a denoiser"):
        denoised(prior.model_copy(update={"path": ""}))


def test_model_copy_keeps_what_was_given_from_python() -> None:
    given = Denoiser.of(lambda y, sigma: y / 2)
    assert denoised(given.model_copy(update={"highest": 0.5})) == pytest.approx(0.25)
    mixture = Mixture.around(IMAGES)
    assert torch.equal(mixture.model_copy(update={"std": 0.1}).means, mixture.means)
    one = Derived()
    one._given = IMAGES
    assert one.model_copy(update={"noise": 0.1})._given is IMAGES
    assert one.model_copy(deep=True)._given is not IMAGES


def test_model_copy_computes_anew_what_its_settings_decide() -> None:
    assert Derived(side=3).model_copy(update={"side": 4})._area == 16
    assert Derived(side=3).model_copy(update={"noise": 0.1})._area == 9


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"noise": -5}, "operator blur: noise: .*greater than or equal to 0"),
        ({"noise": 25}, r"did you mean 25/255\?"),
        ({"nois": 0.1}, "there is no setting 'nois'; did you mean 'noise'"),
    ],
)
def test_model_copy_validates_its_settings(update: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        Blur().model_copy(update=update)


def test_model_copy_says_which_settings_were_given() -> None:
    assert Blur(size=5).model_copy(update={"noise": 0.1}).model_fields_set == {"size", "noise"}


# Comparison


def test_component_with_tensors_can_be_compared() -> None:
    one = Mixture.around(IMAGES)
    assert one == one.model_copy() == Mixture.around(IMAGES.clone())
    assert one != Mixture.around(IMAGES.flip(0))
    assert one != Mixture.around(IMAGES[:1])
    assert one != Mixture.around(IMAGES, std=0.1)
    assert one != Mixture()
    assert one != "mixture"
    assert hash(one) == hash(Mixture.around(IMAGES))


def test_component_is_equal_whatever_is_loaded(tmp_path: Path) -> None:
    path = scripted(tmp_path, 0.5)
    used, fresh = (Denoiser(path=path, sigma="none") for _ in range(2))
    denoised(used)
    assert used == fresh
    assert used != Denoiser(path=path)


def test_component_with_another_function_is_another() -> None:
    def other(y: Tensor, sigma: float) -> Tensor:
        return y

    assert Denoiser.of(denoised) == Denoiser.of(denoised)  # type: ignore[arg-type]
    assert Denoiser.of(denoised) != Denoiser.of(other)  # type: ignore[arg-type]


# Recipes


class Unregistered(Identity):
    """Bears the name of a registered component that does something else."""

    name = "blur"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("prior", Mixture.around(IMAGES)),
        ("prior", Denoiser.of(lambda y, sigma: y, highest=1.0)),
        ("operator", Unregistered()),
    ],
    ids=["mixture", "denoiser", "unregistered"],
)
def test_recipe_that_cannot_be_run_again_says_so(kind: str, given: Component, tmp_path: Path) -> None:
    file = tmp_path / "out.png"
    parts: dict[str, Any] = {"prior": Mixture.around(IMAGES), kind: given}
    settings = QUICK | {"strength": "nsr:0.5"}
    first = Restorer(**parts, **settings)(IMAGES[:1])
    first.save(file)
    others = {other: part for other, part in parts.items() if other != kind}
    said = rf"^the recipe's {kind} was an object given from Python .*{type(given).__name__}.* give a {kind} as well"
    with pytest.raises(DreamCleanError, match=said) as told:
        Restorer(**others, recipe=file, device="cpu")
    assert "\n" not in str(told.value)
    again = Restorer(**parts, recipe=file, device="cpu")(IMAGES[:1])
    assert torch.equal(again.image, first.image)


def test_recipe_that_can_be_run_again_says_nothing(tmp_path: Path) -> None:
    Image.fromarray((IMAGES[0] * 255).byte().permute(1, 2, 0).numpy()).save(tmp_path / "clean.png")
    result = Restorer(Mixture(path=str(tmp_path), std=0.1), operator=Blur(), **QUICK)(IMAGES[:1])
    assert "python" not in json.dumps(result.recipe.model_dump(mode="json"))
    again = Restorer(recipe=result.recipe, device="cpu")(IMAGES[:1])
    assert torch.equal(again.image, result.image)
