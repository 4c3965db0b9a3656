"""A fault in somebody's component: who is named, and how to see where it is."""

import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamclean import (
    Corrector,
    DreamCleanError,
    Initializer,
    Latent,
    LinearOperator,
    Mixture,
    Model,
    PixelCodec,
    Restorer,
    Sampler,
    Step,
    hookimpl,
)
from dreamclean.cli.main import main
from dreamclean.host.host import Host, Plugin
from dreamclean.method.blame import blame

QUICK: dict[str, Any] = {"strength": 300, "steps": 3, "device": "cpu", "dtype": "float32"}
IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
WRONG = "RuntimeError: The size of tensor a"


def wrong(x: Tensor) -> Tensor:
    """What torch refuses."""
    return x + torch.zeros(7)


class BadPrior(Mixture):
    name = "bad-prior"

    def predict(self, x: Tensor, level: Any) -> Any:
        return wrong(x)


class Lossy(PixelCodec):
    def decode(self, x: Tensor) -> Tensor:
        return wrong(x)


class BadCodec(Mixture):
    name = "bad-codec"

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        return replace(super().load(device, dtype), codec=Lossy())


class BadWeights(Mixture):
    name = "bad-weights"

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        return wrong(torch.zeros(2))  # type: ignore[return-value]


class BadInitializer(Initializer):
    name = "bad-initializer"

    def __call__(self, start: Tensor, levels: Any, estimate: Any, noise: Any) -> Tensor:
        return wrong(start)


class BadCorrector(Corrector):
    """A corrector with a fault."""

    name = "bad-corrector"

    def __call__(self, latent: Latent, denoise: Any, noise: Any) -> Latent:
        return latent.corrected(wrong(latent.x))


class Asker(Corrector):
    """Asks the prior once, and keeps the latent."""

    name = "asker"

    def __call__(self, latent: Latent, denoise: Any, noise: Any) -> Latent:
        return latent.corrected(denoise(latent.x, latent.level).x0)


class BadSampler(Sampler):
    name = "bad-sampler"

    def __call__(self, latent: Latent, lower: Any, denoise: Any, noise: Any) -> Latent:
        raise KeyError


class BadOperator(LinearOperator):
    name = "bad-operator"

    def degrade(self, x: Tensor) -> Tensor:
        return wrong(x)


class BadProjection(LinearOperator):
    name = "bad-projection"

    def degrade(self, x: Tensor) -> Tensor:
        return x

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        return wrong(x0)


def named(cls: type) -> str:
    return rf"{cls.kind} {cls.name} \({cls.__module__}"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prior": BadPrior()}, rf"^{named(BadPrior)}, asked by initializer ddim-inversion\): {WRONG}"),
        ({"prior": BadPrior(), "tile": 0}, rf"^{named(BadPrior)}, asked by initializer ddim-inversion\): {WRONG}"),
        ({"prior": BadCodec.around(IMAGES, std=0.1)}, rf"^{named(BadCodec)}\): {WRONG}"),
        ({"prior": BadWeights()}, rf"^{named(BadWeights)}\): {WRONG}"),
        ({"initializer": BadInitializer()}, rf"^{named(BadInitializer)}\): {WRONG}"),
        ({"corrector": BadCorrector()}, rf"^{named(BadCorrector)}\): {WRONG}"),
        (
            {"prior": BadPrior(), "corrector": Asker(), "initializer": "matched-level"},
            rf"^{named(BadPrior)}, asked by corrector asker\): {WRONG}",
        ),
        ({"sampler": BadSampler()}, rf"^{named(BadSampler)}\): KeyError: no reason given$"),
        ({"operator": BadOperator()}, rf"^{named(BadOperator)}\): {WRONG}"),
        ({"operator": BadProjection()}, rf"^{named(BadProjection)}\): {WRONG}"),
    ],
)
def test_blame_tells_a_fault_with_the_components_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DreamCleanError, match=message) as told:
        Restorer(**{"prior": Mixture.around(IMAGES, std=0.1), **QUICK, **settings})(IMAGES)
    assert "\n" not in str(told.value)
    assert isinstance(told.value.__cause__, Exception)  # with its traceback


def test_blame_leaves_what_is_no_components_fault() -> None:
    class Greedy(Mixture):
        def predict(self, x: Tensor, level: Any) -> Any:
            raise torch.OutOfMemoryError("no memory")

    restorer = Restorer(Mixture.around(IMAGES, std=0.1), **QUICK)
    with pytest.raises(ZeroDivisionError):
        restorer(IMAGES, on_step=lambda step: 1 / 0)
    with pytest.raises(torch.OutOfMemoryError):
        Restorer(Greedy(), tile=0, **QUICK)(IMAGES)
    with pytest.raises(DreamCleanError, match="plain"), blame():
        raise DreamCleanError("plain")


# Listeners


def test_host_mentions_a_plugin_that_is_told_no_more_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's: without one, warnings go to standard error

    class Faulty:
        @staticmethod
        @hookimpl
        def on_step(step: Step) -> None:
            raise ValueError("no\nscreen")

    host = Host([Plugin("faulty", "1", "main", lambda: Faulty)])
    restorer = Restorer(Mixture.around(IMAGES, std=0.1), plugins=host, **QUICK)
    plain = Restorer(Mixture.around(IMAGES, std=0.1), **QUICK)(IMAGES).image
    logged = []
    for _ in range(2):
        assert torch.equal(restorer(IMAGES).image, plain)
        logged.append(capsys.readouterr().err)
    line = "plugin faulty:main gets no more steps: its on_step raised ValueError: no screen\n"
    assert logged == [line, ""]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("operator", [None, "identity"])
def test_step_has_the_clean_estimate(operator: str | None, fused: bool) -> None:
    """Of a prior that knows the picture it is the picture, and the last step is made of the last one."""
    prior = Mixture.around(IMAGES[:1])
    corrector = f"vps:fused={fused}"
    restorer = Restorer(prior, operator=operator, corrector=corrector, sampler="ddim", **QUICK)
    noisy = IMAGES[:1] + 0.01 * torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    heard: list[Step] = []
    result = restorer(noisy, on_step=heard.append, trace=True)
    assert len(heard) == 4
    for step, kept in zip(heard, result.trace, strict=True):
        assert torch.equal(step.x0, kept.x0)
    for step in heard[1:]:
        assert (PixelCodec().decode(step.x0) - IMAGES[:1]).abs().max() < 0.06
    assert torch.equal(PixelCodec().decode(heard[-1].x0).clamp(0, 1), result.image)


def test_step_has_the_start_before_anything_was_estimated() -> None:
    heard: list[Step] = []
    restorer = Restorer(Mixture.around(IMAGES[:1]), initializer="matched-level", **QUICK)
    restorer(IMAGES[:1], on_step=heard.append)
    assert heard[0].nfe == 0
    assert torch.allclose(restorer.model.codec.decode(heard[0].x0), IMAGES[:1], atol=1e-6)


# The command line


class Faults:
    """A plugin of components with faults."""

    @staticmethod
    @hookimpl
    def register_correctors(register: Callable[[type], None]) -> None:
        register(BadCorrector)

    @staticmethod
    @hookimpl
    def register_operators(register: Callable[[type], None]) -> None:
        register(BadOperator)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    """Runs a command that fails; its standard error."""
    found = [Plugin("faults", "1", "faults", lambda: Faults), Plugin("broken", "1", "broken", lambda: 1 // 0)]
    host = Host(found)
    monkeypatch.setattr("dreamclean.host.host.host", lambda: Host(found) if host.failures else host)
    monkeypatch.setattr("dreamclean.restorer.host", lambda: host)
    monkeypatch.setattr("dreamclean.host.debug._wanted", False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clean").mkdir()
    for name in ("in.png", "clean/one.png"):
        Image.new("RGB", (16, 16), "teal").save(name)

    def command(line: str, status: int = 2) -> str:
        monkeypatch.setattr(sys, "argv", ["dreamclean", *line.split()])
        with pytest.raises(SystemExit) as stop:
            main()
        assert (stop.value.code or 0) == status
        return capsys.readouterr().err

    return command


RESTORE = "restore in.png --prior mixture:path=clean,std=0.1 --strength 100 --steps 2 --corrector bad-corrector"
DEGRADE = "degrade in.png --operator bad-operator"


@pytest.mark.parametrize(("line", "cls"), [(RESTORE, BadCorrector), (DEGRADE, BadOperator)])
def test_main_names_the_component_and_shows_more_when_asked(line: str, cls: type, run: Callable[..., str]) -> None:
    short = run(line)
    assert short.startswith(f"error: in.png: {cls.kind} {cls.name} ({__name__}): {WRONG}")  # type: ignore[attr-defined]
    assert short.count("\n") == 1 and short.endswith(" (dreamclean --debug ... shows where)\n")
    long = run(f"--debug {line}")
    assert "Traceback" in long and "in wrong" in long and "return x + torch.zeros(7)" in long
    assert short.removesuffix(" (dreamclean --debug ... shows where)\n") + "\n" in long
    assert run(line) == short  # it is of this command alone


def test_debug_shows_where_bad_input_was_found(run: Callable[..., str]) -> None:
    assert run("restore nothing.png") == "error: there is no file nothing.png\n"
    long = run("--debug restore nothing.png")
    assert "Traceback" in long and long.endswith("error: there is no file nothing.png\n")


def test_debug_shows_why_a_plugin_failed_to_load(run: Callable[..., str]) -> None:
    assert run("plugins", 0) == ""
    long = run("--debug plugins", 0)
    assert "Traceback" in long and "ZeroDivisionError" in long and "lambda: 1 // 0" in long
