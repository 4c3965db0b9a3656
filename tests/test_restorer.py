"""``Restorer``: what goes in comes out, from whatever it was set up with, and the same every time."""

import io
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from pydantic import PrivateAttr
from torch import Tensor

from dreamclean import (
    DDIM,
    VPS,
    Colorize,
    DDIMInversion,
    Diffusers,
    Downsample,
    DreamCleanError,
    Identity,
    Level,
    LinearOperator,
    Mixture,
    Model,
    Operator,
    Picture,
    Prior,
    Recipe,
    Restorer,
    Step,
    hookimpl,
)
from dreamclean.cli.main import main
from dreamclean.host.host import Host, Plugin
from dreamclean.pictures.picture import save

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
QUICK: dict[str, Any] = {"strength": 300, "steps": 3, **CPU}


@pytest.fixture(scope="module")
def restorer(unet: str) -> Restorer:
    return Restorer(unet, **QUICK)


@pytest.fixture
def path(photo: Image.Image, tmp_path: Path) -> Path:
    photo.save(tmp_path / "in.png")
    return tmp_path / "in.png"


def images(count: int, height: int = 12, width: int = 20, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


# What comes out


def test_restorer_returns_the_kind_that_it_was_given(restorer: Restorer, path: Path, photo: Image.Image) -> None:
    from_path, from_string, from_image = restorer(path), restorer(str(path)), restorer(photo)
    assert all(isinstance(r.image, Image.Image) for r in (from_path, from_string, from_image))
    assert from_path.image.tobytes() == from_string.image.tobytes() == from_image.image.tobytes()
    from_tensor = restorer(Picture.open(path).pixels)
    assert isinstance(from_tensor.image, Tensor) and from_tensor.image.shape == (1, 3, 21, 33)
    assert from_tensor.image.min() >= 0 and from_tensor.image.max() <= 1
    as_image = Picture(from_tensor.image).with_pixels(from_tensor.image)
    assert as_image.tobytes() == from_path.image.tobytes()
    assert from_path.image.tobytes() != photo.tobytes()


def test_result_says_how_it_came_about(restorer: Restorer, path: Path) -> None:
    result = restorer(path)
    assert result.nfe == 9
    assert 0 < result.prior_seconds < result.seconds
    assert result.trace == []
    assert result.recipe == restorer.recipe


class Counting(Prior):
    """Counts the evaluations of the mixture inside."""

    name = "counting"
    _inner: Mixture = PrivateAttr(default_factory=lambda: Mixture.around(images(3), std=0.1))
    _calls: list[int] = PrivateAttr(default_factory=list)

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        model = self._inner.load(device, dtype)

        def predict(x: Tensor, level: Level) -> Tensor:
            self._calls.append(len(x))
            return model.predict(x, level)

        return replace(model, predict=predict)


@pytest.mark.parametrize(
    ("settings", "nfe"),
    [
        ({}, 9),
        ({"operator": "identity"}, 6),
        ({"corrector": "none"}, 6),
        ({"corrector": "vps:repeats=2"}, 12),
        ({"corrector": "vps:fused=true"}, 6),
        ({"corrector": "langevin"}, 9),
        ({"initializer": "forward-noising"}, 6),
        ({"initializer": "matched-level", "corrector": "none"}, 3),
        ({"operator": "identity", "initializer": "ddim-inversion"}, 9),
        ({"operator": "identity", "corrector": "vps:projected=false"}, 6),
        ({"preset": "paper", "steps": None, "strength": None}, 90),
        ({"preset": "paper", "steps": None, "strength": None, "operator": "colorize"}, 60),
    ],
)
def test_nfe_is_counted_for_each_image(settings: dict[str, Any], nfe: int) -> None:
    prior = Counting()
    restorer = Restorer(prior, **{**QUICK, **settings})
    y = images(2) if restorer.operator is None else restorer.operator.degrade(images(2))
    assert restorer(y).nfe == nfe
    assert prior._calls == [2] * nfe  # one call of the network for the batch


# Settings


def test_restorer_takes_strings_dicts_and_objects_alike(unet: str, path: Path) -> None:
    folder = unet.partition("=")[2]
    strings = dict(
        prior=unet,
        operator="downsample:factor=2,method=bicubic",
        initializer="ddim-inversion",
        corrector="vps:gamma=0.1,repeats=2",
        sampler="ddim:eta=0.5",
    )
    dicts = dict(
        prior={"name": "diffusers", "path": folder},
        operator={"name": "downsample", "factor": 2, "method": "bicubic"},
        initializer={"name": "ddim-inversion"},
        corrector={"name": "vps", "gamma": 0.1, "repeats": 2},
        sampler={"name": "ddim", "eta": 0.5},
    )
    objects = dict(
        prior=Diffusers(path=folder),
        operator=Downsample(factor=2, method="bicubic"),
        initializer=DDIMInversion(),
        corrector=VPS(gamma=0.1, repeats=2),
        sampler=DDIM(eta=0.5),
    )
    restorers = [Restorer(**given, **QUICK) for given in (strings, dicts, objects)]  # type: ignore[arg-type]
    restorers.append(Restorer(recipe=Recipe(**strings, strength=300, steps=3, dtype="float32"), device="cpu"))  # type: ignore[arg-type]
    restorers.append(Restorer(recipe=Recipe.model_validate_json(restorers[0].recipe.to_json()), device="cpu"))
    results = [restorer(path) for restorer in restorers]
    for result in results[1:]:
        assert result.recipe == results[0].recipe
        assert result.image.tobytes() == results[0].image.tobytes()
    assert results[0].image.size == (66, 42)


class Recommending(Mixture):
    """A mixture with a recipe of its own."""

    name = "recommending"

    def recipe_for(self, operator: Operator | None) -> dict[str, Any]:
        return {"corrector": "none", "steps": 7 if operator else 8, "strength": 200}


def test_layers_are_user_recipe_preset_prior_paper() -> None:
    def settings(prior: Mixture, **given: Any) -> tuple[int | None, Any, Any]:
        recipe = Restorer(prior, **given, **CPU).recipe
        return recipe.steps, recipe.strength, recipe.corrector and recipe.corrector["name"]

    plain, own = Mixture.around(images(1)), Recommending()
    recipe = Recipe(steps=4, corrector={"name": "langevin"})
    assert settings(plain) == (None, None, None)
    assert settings(plain, operator="identity") == (30, 300, "vps")
    for said, expected in (({"steps": 5}, (5, 300, "vps")), ({"sampler": "ddim"}, (30, 300, "vps"))):
        assert settings(plain, **said) == expected  # with something said of how to restore, the paper fills the rest
    assert settings(own) == (8, 200, "none")
    assert settings(own, operator="identity") == (7, 200, "none")
    assert settings(own, preset="paper") == (30, 300, "vps")
    assert settings(own, preset="paper", recipe=recipe) == (4, 300, "langevin")
    assert settings(own, recipe=recipe) == (4, 200, "langevin")
    assert settings(own, preset="paper", recipe=recipe, corrector="vps", steps=2) == (2, 300, "vps")
    assert settings(own, preset="paper", recipe=recipe, strength="nsr:0.3") == (4, "nsr:0.3", "langevin")


def test_preset_paper_has_the_papers_settings() -> None:
    blind = Restorer(Mixture.around(images(1)), preset="paper", **CPU)
    assert [round(level.t) for level in blind.levels] == list(range(0, 301, 10))
    assert blind.initializer.name == "ddim-inversion"
    assert Restorer(Mixture.around(images(1)), operator="identity", **CPU).initializer.name == "forward-noising"
    assert blind.recipe.corrector is not None
    assert (blind.recipe.corrector["gamma"], blind.recipe.corrector["repeats"]) == (0.05, 1)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "torch.uint8; give floating-point values"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.complex64), "the tensor is complex; give its real and imaginary parts"),
        (torch.zeros(3, 8, 8), r"\(3, 8, 8\); give \(B, 3, H, W\)"),
        (torch.zeros(1, 1, 8, 8), r"give \(B, 3, H, W\)"),
        (torch.full((1, 3, 8, 8), 255.0), "divide by 255"),
        (torch.full((1, 3, 8, 8), float("nan")), "not in"),
    ],
)
def test_restorer_refuses_a_tensor_that_is_no_image(image: Tensor, message: str, restorer: Restorer) -> None:
    with pytest.raises(DreamCleanError, match=message):
        restorer(image)


# The same every time


def test_seed_gives_the_same_bytes_everywhere(
    unet: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, in a folder, under another name, in another place, from Python and from the command line."""
    result = Restorer(unet, seed=3, **QUICK)(path)
    save(result.image, tmp_path / "alone.png", result.recipe.to_json())
    places = {"folder/a.png": 1, "folder/in.png": None, "folder/z.png": 2, "else where/other-name.png": None}
    for name, seed in places.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if seed is None:
            shutil.copy(path, tmp_path / name)
        else:
            Picture(images(1)).with_pixels(images(1, 9 * seed, 14, seed)).save(tmp_path / name)
    options = ["--prior", unet, "--seed", "3", "--strength", "300", "--steps", "3", "--device", "cpu"]
    for source, target in {"folder": "out", "else where/other-name.png": "else where/out.png"}.items():
        arguments = ["restore", str(tmp_path / source), "-o", str(tmp_path / target), "--dtype", "float32", *options]
        monkeypatch.setattr(sys, "argv", ["dreamclean", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
    wanted = (tmp_path / "alone.png").read_bytes()
    assert (tmp_path / "out" / "in.png").read_bytes() == wanted
    assert (tmp_path / "else where" / "out.png").read_bytes() == wanted
    assert (tmp_path / "out" / "a.png").read_bytes() != wanted


def test_seed_may_be_zero(restorer: Restorer, unet: str, path: Path) -> None:
    zero, one = restorer(path, seed=0), restorer(path, seed=1)
    assert (zero.recipe.seed, one.recipe.seed) == (0, 1)
    assert zero.image.tobytes() == restorer(path).image.tobytes() != one.image.tobytes()
    other = Restorer(unet, seed=1, **QUICK)
    assert other(path).image.tobytes() == one.image.tobytes()
    assert other(path, seed=0).image.tobytes() == zero.image.tobytes()
    over = Restorer(unet, seed=0, recipe=Recipe(seed=1), **QUICK)
    assert over(path).image.tobytes() == zero.image.tobytes()
    assert Restorer(unet, recipe=Recipe(seed=1), **QUICK)(path).recipe.seed == 1


def test_restorer_does_not_depend_on_the_global_random_state(restorer: Restorer, path: Path) -> None:
    before = torch.get_rng_state()
    first = restorer(path)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(123)
    assert restorer(path).image.tobytes() == first.image.tobytes()


def test_restorer_draws_the_same_noise_for_a_tensor_of_any_precision(restorer: Restorer) -> None:
    single, double = restorer(images(1)).image, restorer(images(1).double()).image
    assert double.dtype == torch.float64
    assert (double - single).abs().max() < 1 / 255


@pytest.mark.parametrize("operator", [None, "downsample:factor=2", "blur:shape=motion,length=3"])
def test_restorer_treats_an_image_alike_in_any_batch(operator: str | None, unet: str) -> None:
    noise = {"noise": 0.05} if operator else {}
    restorer = Restorer(unet, operator=operator, corrector="vps:gamma=0.3", **noise, **QUICK)
    batch, seeds = images(5), [0, 1, 2, 3, 4]
    y = batch if restorer.operator is None else restorer.operator.degrade(batch)
    alone = torch.cat([restorer(y[i : i + 1], seed=i).image for i in seeds])
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1], [3, 1]):
        together = restorer(y[order], seed=[seeds[i] for i in order]).image
        assert (together - alone[order]).abs().max() < 1 / 255
    assert (alone - restorer(y, seed=9).image).abs().max() > 4 / 255  # the bound is not an idle one


def test_seeds_are_of_each_image(restorer: Restorer) -> None:
    twice = images(1).repeat(2, 1, 1, 1)
    same, different = restorer(twice, seed=5).image, restorer(twice, seed=[5, 6]).image
    assert (same[0] - same[1]).abs().max() < 1e-4 < (different[0] - different[1]).abs().max()
    assert (same[0] - different[0]).abs().max() < 1e-4
    with pytest.raises(DreamCleanError, match="3 seeds for 2 images"):
        restorer(twice, seed=[1, 2, 3])


# Listeners


@pytest.mark.parametrize("operator", [None, "downsample:factor=2,noise=0.05"])
def test_samples_are_averaged_over_consecutive_seeds(operator: str | None, unet: str) -> None:
    settings = {**QUICK, "corrector": "vps:gamma=0.25,fused=true", "operator": operator}
    batch = images(2, 8, 16)
    single = [Restorer(unet, **settings)(batch, seed=[k, 9 + k]) for k in range(3)]
    mean = Restorer(unet, samples=3, **settings)(batch, seed=[0, 9])
    torch.testing.assert_close(mean.image, torch.stack([one.image for one in single]).mean(0))
    assert not torch.equal(single[0].image, single[1].image)
    assert mean.nfe == 3 * single[0].nfe
    again = Restorer(recipe=mean.recipe, device="cpu")(batch, seed=[0, 9])
    assert torch.equal(again.image, mean.image)


def test_trace_has_every_step(restorer: Restorer, path: Path) -> None:
    for given in (path, Picture.open(path).pixels):
        result = restorer(given, trace=True)
        assert [step.index for step in result.trace] == [0, 1, 2, 3]
        assert [step.total for step in result.trace] == [3] * 4
        assert [step.level for step in result.trace] == restorer.levels[::-1]
        assert [step.nfe for step in result.trace] == [3, 5, 7, 9]
        assert all(step.x.shape == (1, 3, 21, 33) and step.x.device.type == "cpu" for step in result.trace)
    last = (restorer.model.codec.decode(result.trace[-1].x)).clamp(0, 1)
    assert torch.equal(last, result.image)
    assert not torch.equal(result.trace[0].x, result.trace[1].x)


class Listener:
    """A plugin that keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    @hookimpl
    def on_step(self, step: Step) -> None:
        self.steps.append(step)


def test_on_step_tells_of_every_step(unet: str, photo: Image.Image) -> None:
    plugin, heard = Listener(), []
    restorer = Restorer(unet, plugins=Host([Plugin("listener", "1", "main", lambda: plugin)]), **QUICK)
    result = restorer(photo, on_step=heard.append, trace=True)
    for steps in (plugin.steps, heard):
        assert [(step.index, step.nfe) for step in steps] == [(0, 3), (1, 5), (2, 7), (3, 9)]
        assert all(torch.equal(step.x, kept.x) for step, kept in zip(steps, result.trace, strict=True))


def test_on_step_changes_nothing(restorer: Restorer, path: Path) -> None:
    listened = restorer(path, trace=True, on_step=lambda step: None)
    assert listened.image.tobytes() == restorer(path).image.tobytes()


def test_recipe_has_the_packages_of_its_run(unet: str) -> None:
    class Elsewhere(Identity):
        """Somebody's operator."""

        name = "elsewhere"

    class Package:
        @hookimpl
        def register_operators(self, register: Any) -> None:
            register(Elsewhere)

    plugins = Host([Plugin("somebodys-package", "1.2.3", "main", Package)])
    recipe = Restorer(unet, operator="elsewhere", plugins=plugins, **QUICK).recipe
    assert recipe.versions["somebodys-package"] == "1.2.3"
    assert {"dreamclean", "torch"} <= set(recipe.versions)


# Known operators


@pytest.mark.parametrize(
    ("noise", "gaussian", "poisson"),
    [(None, 0.2, 0), (0, 0, 0), (0.1, 0.1, 0), ("0.1", 0.1, 0), ("gaussian:0.1", 0.1, 0), ("poisson:2", 0.2, 2)],
)
def test_noise_of_a_measurement(noise: Any, gaussian: float, poisson: float, unet: str) -> None:
    restorer = Restorer(unet, operator=Identity(noise=0.2), noise=noise, **QUICK)
    assert restorer.operator is not None and restorer.recipe.operator is not None
    assert (restorer.operator.noise, restorer.operator.poisson) == (gaussian, poisson)
    assert (restorer.recipe.operator["noise"], restorer.recipe.operator["poisson"]) == (gaussian, poisson)


@pytest.mark.parametrize("noise", ["loud", -0.1, "salt:0.1", float("nan"), float("inf"), "poisson:"])
def test_noise_that_is_none(noise: Any, unet: str) -> None:
    with pytest.raises(DreamCleanError, match="is not a noise"):
        Restorer(unet, operator="identity", noise=noise, **QUICK)


def test_noise_needs_an_operator(unet: str) -> None:
    with pytest.raises(DreamCleanError, match="noise belongs to a known operator"):
        Restorer(unet, noise=0.1, **QUICK)


def test_operator_binds_less_the_noisier_its_measurement(unet: str) -> None:
    y = images(1)
    gaps = [
        float((Restorer(unet, operator="identity", noise=noise, **QUICK)(y).image - y).abs().mean())
        for noise in (0, 0.05, 0.5)
    ]
    assert gaps[0] < 1e-5 < gaps[1] < gaps[2]


def test_operator_defined_on_the_spot(unet: str, photo: Image.Image) -> None:
    class EveryOther(LinearOperator):
        """Every second row and column."""

        name = "every-other"

        def degrade(self, x: Tensor) -> Tensor:
            return x[..., ::2, ::2]

    restorer = Restorer(unet, operator=EveryOther(), **QUICK)
    y = EveryOther().degrade(images(2, 12, 20))
    result = restorer(y)
    assert result.image.shape == (2, 3, 12, 20)
    assert (EveryOther().degrade(result.image) - y).abs().max() < 1e-3
    given = f"{__name__}.{EveryOther.__qualname__}"  # what is registered nowhere is written as such
    assert result.recipe.operator == {"name": "every-other", "noise": 0.0, "poisson": 0.0, "python": given}
    assert restorer(photo).image.size == (66, 42)


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_colorize_gives_colour(mode: str, unet: str, photo: Image.Image) -> None:
    grey = Image.fromarray((Picture.from_pil(photo).pixels[0].mean(0) * 65535).to(torch.uint16).numpy())
    given = grey if mode == "I;16" else photo.convert("L").convert(mode)
    result = Restorer(unet, operator=Colorize(), **QUICK)(given)
    assert (result.image.mode, result.image.size) == ("RGB", photo.size)
    red, _, blue = result.image.split()
    assert red.tobytes() != blue.tobytes()


def test_restorer_keeps_grey_without_colorize(restorer: Restorer, unet: str, photo: Image.Image) -> None:
    assert restorer(photo.convert("L")).image.mode == "L"
    assert Restorer(unet, operator="identity", **QUICK)(photo.convert("L")).image.mode == "L"


def test_downsample_of_a_picture_with_alpha(unet: str, photo: Image.Image) -> None:
    given = Image.merge("RGBA", [*photo.split(), photo.getchannel("G")])
    image = Restorer(unet, operator="downsample:factor=3", **QUICK)(given).image
    assert (image.mode, image.size) == ("RGBA", (99, 63))
    small = image.getchannel("A").resize(photo.size, Image.Resampling.BOX)
    difference = torch.tensor(list(small.tobytes())) - torch.tensor(list(given.getchannel("A").tobytes()))
    assert difference.abs().float().mean() < 2


def test_restorer_refuses_a_measurement_that_is_no_picture(unet: str, photo: Image.Image) -> None:
    restorer = Restorer(unet, operator="fourier-magnitude", **QUICK)
    assert restorer.operator is not None
    with pytest.raises(DreamCleanError, match="is not a picture; give it from Python as a tensor"):
        restorer(photo)
    assert restorer(restorer.operator.degrade(images(1))).image.shape == (1, 3, 12, 20)


def test_seed_means_other_noise_in_measuring_and_restoring() -> None:
    """Otherwise a picture degraded with seed 0 would be restored with the very noise that spoilt it."""
    size = (64, 64)
    clean = torch.full((1, 3, *size), 0.5)
    noisy = Identity(noise=0.2).measure(clean, torch.Generator().manual_seed(0))
    drawn = Restorer(
        Mixture.around(clean), initializer="forward-noising", corrector="none", strength=900, steps=1, seed=0, **CPU
    )(clean, trace=True)
    pair = torch.stack([(noisy - clean).flatten(), drawn.trace[0].x.flatten()])
    assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.05
