"""What a prior loads: once for a restorer, its own, and checked where it answers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dreamclean import (
    DDPMSchedule,
    DreamCleanError,
    Geometry,
    Level,
    Mixture,
    Model,
    PixelCodec,
    Plan,
    Planner,
    Prior,
    Restorer,
)
from dreamclean.method.loaded import sized
from dreamclean.testing import loaded

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
QUICK: dict[str, Any] = {"strength": 300, "steps": 2, "initializer": "matched-level", "device": "cpu"}
LOADED: list[torch.dtype] = []


class Network(Prior):
    """A network of one number, in its own precision; counts how often it is loaded."""

    name = "network"

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        LOADED.append(dtype)
        layer = nn.Conv2d(3, 3, 1, bias=False).requires_grad_(False).to(device, dtype)
        layer.weight.fill_(1 / 3)
        return Model(DDPMSchedule.linear(), lambda x, level: layer(x.to(layer.weight.dtype)))


@pytest.fixture(autouse=True)
def forgotten() -> None:
    LOADED.clear()


def test_restorers_of_one_prior_keep_their_precisions() -> None:
    prior = Network()
    full = Restorer(prior, dtype="float32", **QUICK)
    wanted = full(IMAGES).image
    half = Restorer(prior, dtype="bfloat16", **QUICK)
    assert not torch.equal(half(IMAGES).image, wanted)
    assert torch.equal(full(IMAGES).image, wanted)
    assert (full.recipe.dtype, half.recipe.dtype) == ("float32", "bfloat16")


def test_restorer_loads_once() -> None:
    restorer = Restorer(Network(), dtype="float32", **QUICK)
    restorer(IMAGES)
    restorer([IMAGES, IMAGES])
    assert [torch.float32] == LOADED


class Asks(Planner):
    """Asks once, of any size, and says a strength."""

    name = "asks"

    def __call__(self, image: Tensor, info: Any, prior: Prior, model: Model) -> Plan:
        level = model.schedule.at(100)
        assert model.predict(level.alpha * model.codec.encode(image), level).shape == image.shape
        return Plan({**QUICK_PLAN})


QUICK_PLAN = {"strength": 100, "steps": 1, "initializer": "matched-level", "corrector": "none"}


def test_plan_gets_the_same_model() -> None:
    result = Restorer(Network(), planner=Asks(), device="cpu", dtype="float32")(IMAGES[:1])
    assert result.nfe == 2  # the planner's is counted too
    assert [torch.float32] == LOADED


def test_model_can_be_shared() -> None:
    first = Restorer(Network(), dtype="float32", **QUICK)
    second = Restorer(first.prior, model=first.model, dtype="float32", **{**QUICK, "steps": 1})
    assert torch.equal(first(IMAGES).image, Restorer(Network(), dtype="float32", **QUICK)(IMAGES).image)
    assert second(IMAGES).nfe < first(IMAGES).nfe
    assert len(LOADED) == 2


ANSWERS: dict[str, Callable[[Tensor], Any]] = {
    r"\(2, 3, 15, 16\)": lambda x: x[:, :, 1:],
    r"\(2, 6, 16, 16\)": lambda x: torch.cat([x, x], 1),
    "None": lambda x: None,
    r"\(tensor": lambda x: (x, x),
}


@pytest.mark.parametrize("said", ANSWERS)
def test_model_answer_of_another_shape_is_one_line(said: str) -> None:
    class Odd(Network):
        def load(self, device: torch.device, dtype: torch.dtype) -> Model:
            return Model(DDPMSchedule.linear(), lambda x, level: ANSWERS[said](x))

    line = rf"was asked about \(2, 3, 16, 16\) and answered with .*{said}.*; predict returns the noise"
    with pytest.raises(DreamCleanError, match=line) as told:
        Restorer(Odd(), **QUICK)(IMAGES)
    assert "\n" not in str(told.value)


def test_load_of_what_is_no_model_is_one_line() -> None:
    class Old(Network):
        name = "old"

        def load(self, device: torch.device, dtype: torch.dtype) -> Model:
            return nn.Identity()  # type: ignore[return-value]

    with pytest.raises(DreamCleanError, match=r"prior old loads Identity\(\); let load return a dreamclean.Model"):
        Restorer(Old(), **QUICK)


def test_model_sees_sides_that_are_multiples_and_levels_with_noise() -> None:
    seen: list[tuple[torch.Size, Level]] = []

    class Strict(Network):
        def load(self, device: torch.device, dtype: torch.dtype) -> Model:
            model = super().load(device, dtype)

            def predict(x: Tensor, level: Level) -> Tensor:
                seen.append((x.shape, level))
                return model.predict(x, level)

            return replace(model, predict=predict, geometry=Geometry(8))

    settings = {**QUICK, "initializer": "ddim-inversion"}
    result = Restorer(Strict(), dtype="float32", **settings)(IMAGES[..., :13, :9])
    assert result.image.shape == (2, 3, 13, 9)
    assert {tuple(shape) for shape, _ in seen} == {(2, 3, 16, 16)}
    assert all(level.sigma > 0 for _, level in seen)
    assert seen[0][1] == (0, 1.0, DDPMSchedule.linear().at(0).sigma)


class Halves(PixelCodec):
    """Latents of half the side."""

    scale_factor = 2

    def encode(self, image: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(image, 2)

    def decode(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


def test_codec_pads_and_crops_each_picture_to_its_own_size() -> None:
    model = replace(loaded(Mixture.around(IMAGES)), codec=Halves(), geometry=Geometry(8))
    codecs = {size: sized(model, *size).codec for size in ((13, 9), (16, 12), (13, 15))}
    latents = {size: codec.encode(torch.rand(1, 3, *size)) for size, codec in codecs.items()}
    assert {x.shape[-2:] for x in latents.values()} == {(8, 8)}
    for size, codec in codecs.items():
        assert codec.decode(latents[size]).shape[-2:] == size
    assert sized(loaded(Mixture()), 13, 9).codec.encode(torch.rand(1, 3, 13, 9)).shape[-2:] == (13, 9)


@pytest.mark.parametrize(("can", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_precision_is_the_one_that_the_processor_computes_in(
    can: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dreamclean.method.device.computes_bf16", lambda device: can)
    assert Restorer(Network(), **QUICK).dtype == Restorer(Network(), dtype="auto", **QUICK).dtype == dtype
    assert Restorer(Network(), exact=True, **QUICK).dtype == torch.float32


@pytest.mark.parametrize("way", ["encode", "decode"])
def test_codec_that_is_not_finite_is_named(way: str) -> None:
    codec = type("Codec", (PixelCodec,), {way: lambda self, x: x * float("nan")})()

    class Blind(Network):
        def load(self, device: torch.device, dtype: torch.dtype) -> Model:
            return replace(super().load(device, dtype), codec=codec)

    with pytest.raises(DreamCleanError, match="the prior's encoder or decoder gave values that are not finite"):
        Restorer(Blind(), dtype="float32", **QUICK)(IMAGES)
