"""A lack of memory is told as such, and not taken for a fault of a component, a file or a picture."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamclean import Denoiser, Diffusers, DreamCleanError, Identity, Mixture, Restorer, hookimpl
from dreamclean.builtin.planners.diagnosis import sample_file
from dreamclean.cli.main import main
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.host.host import Host, Plugin

QUICK: dict[str, Any] = {"strength": 300, "steps": 2, "device": "cpu", "dtype": "float32"}
IMAGES = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def allocated() -> Tensor:
    """What no processor's memory holds: torch raises a RuntimeError of no type of its own."""
    return torch.empty(10**15)


LACKS: dict[str, Callable[[], object]] = {
    "cpu": allocated,
    "gpu": lambda: throw(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")),
    "python": lambda: throw(MemoryError()),
}
ALL = pytest.mark.parametrize("lack", LACKS.values(), ids=LACKS)


def throw(error: Exception) -> None:
    raise error


@ALL
def test_lacks_memory_knows_its_errors(lack: Callable[[], object]) -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        lack()
    assert lacks_memory(caught.value)
    assert not lacks_memory(RuntimeError("The size of tensor a (3) must match"))
    assert not lacks_memory(OSError("no space left on device"))


@ALL
def test_blame_names_no_component_for_a_lack_of_memory(lack: Callable[[], object]) -> None:
    class Greedy(Mixture):
        def predict(self, x: Tensor, level: Any) -> Any:
            return lack()

    with pytest.raises((RuntimeError, MemoryError)) as caught:
        Restorer(Greedy(), tile=0, **QUICK)(IMAGES)
    assert lacks_memory(caught.value) and not isinstance(caught.value, DreamCleanError)


@ALL
@pytest.mark.parametrize("kind", ["unet", "torchscript"])
def test_load_does_not_call_a_model_damaged_that_does_not_fit(
    lack: Callable[[], object], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(*given: object, **more: object) -> object:
        return lack()

    (tmp_path / "net.pt").write_bytes(b"")
    monkeypatch.setattr(torch.jit, "load", greedy)
    monkeypatch.setattr("diffusers.UNet2DModel.from_pretrained", greedy)
    prior = Diffusers(path=str(tmp_path)) if kind == "unet" else Denoiser(path=str(tmp_path / "net.pt"))
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        prior.load(torch.device("cpu"), torch.float32)
    assert lacks_memory(caught.value)


def test_samples_that_do_not_fit_are_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samples.pt").write_bytes(b"")
    monkeypatch.setattr(torch, "load", lambda *given, **more: allocated())
    with pytest.raises(RuntimeError, match="allocate memory"):
        sample_file.read(tmp_path / "samples.pt", {})


# The command line


class Huge(Identity):
    """Asks for too much where a picture is red."""

    name = "huge"

    def degrade(self, x: Tensor) -> Tensor:
        return allocated() if x[0, 0].mean() > 0.9 else x


class Plug:
    @staticmethod
    @hookimpl
    def register_operators(register: Callable[[type], None]) -> None:
        register(Huge)


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[[str], tuple[int, str]]:
    """Runs a command: status and standard error."""
    host = Host([Plugin("huge", "1", "huge", lambda: Plug)])
    monkeypatch.setattr("dreamclean.host.host.host", lambda: host)
    monkeypatch.setattr("dreamclean.host.debug._wanted", False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name, colour in (("a", "red"), ("b", "teal")):
        Image.new("RGB", (16, 16), colour).save(f"in/{name}.png")

    def command(line: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["dreamclean", *line.split()])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0), capsys.readouterr().err

    return command


LINE = "error: in/a.png: out of memory; free some, give a smaller picture or --tile, or choose --device cpu\n"


def test_restore_reports_a_picture_that_lacks_memory_and_does_the_others(
    run: Callable[[str], tuple[int, str]],
) -> None:
    assert run("degrade in -o out --operator huge") == (2, LINE)
    assert sorted(path.name for path in Path("out").iterdir()) == ["b.png"]
    status, said = run("--debug degrade in/a.png -o alone.png --operator huge")
    assert status == 2 and "Traceback" in said and "in allocated" in said and said.endswith(LINE)


def test_restore_without_memory_for_any_picture_is_one_line(
    run: Callable[[str], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Host, "make", lambda *given: allocated())
    assert run("degrade in -o out --operator huge") == (2, LINE.replace("in/a.png: ", ""))


def test_restore_keeps_the_traceback_of_a_fault_that_is_no_components(
    run: Callable[[str], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dreamclean.pictures.picture.Picture.open", lambda *given: throw(RuntimeError("our own")))
    with pytest.raises(RuntimeError, match="our own"):
        run("degrade in -o out")
