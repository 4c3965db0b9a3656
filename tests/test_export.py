"""Denoisers as ONNX: the numbers of torch, for every size, and darktable's folder."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, DiTTransformer2DModel, UNet2DModel
from torch import Tensor

from dreamclean import Denoiser, Diffusers, DreamCleanError, Evaluator, Prior
from dreamclean.builtin.priors.export import export
from dreamclean.cli.main import main
from dreamclean.testing import loaded

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


@pytest.fixture(params=["epsilon", "v_prediction", "sample"])
def prior(tmp_path: Path, request: pytest.FixtureRequest) -> Diffusers:
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=16,
        out_channels=6,  # with a learned variance
        block_out_channels=(8, 8),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )
    unet.save_pretrained(tmp_path / "tiny/unet")
    DDPMScheduler(prediction_type=request.param).save_pretrained(tmp_path / "tiny/scheduler")
    return Diffusers(path=str(tmp_path / "tiny"))


def mean(prior: Prior, y: Tensor, sigma: float) -> Tensor:
    """The posterior mean that the kernel computes, [0, 1] scale."""
    model = loaded(prior)
    level = model.schedule.at(model.schedule.timestep(2 * sigma))
    with torch.no_grad():
        return (Evaluator(model).prior(level.alpha * (2 * y - 1), level).x0 + 1) / 2


def answers(path: Path, *inputs: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    named = zip([value.name for value in session.get_inputs()], inputs, strict=True)
    return torch.from_numpy(session.run(None, {name: value.numpy() for name, value in named})[0])


def plane(y: Tensor, sigmas: list[float]) -> Tensor:
    return torch.tensor(sigmas).view(-1, 1, 1, 1).expand(len(y), 1, *y.shape[2:]).contiguous()


@pytest.mark.parametrize("size", [(1, 3, 64, 64), (2, 3, 18, 40)])
def test_export_has_torchs_numbers(prior: Diffusers, tmp_path: Path, size: tuple[int, ...]) -> None:
    export(prior, tmp_path / "any.onnx")
    y = torch.rand(size)
    for sigma in (0.01, 0.1, 1.0):
        wanted = mean(prior, y, sigma)
        made = answers(tmp_path / "any.onnx", y, plane(y, [sigma] * len(y)))
        assert (made - wanted).abs().max() <= 1e-4 * max(1, float(wanted.abs().max()))
        export(prior, tmp_path / "one.onnx", sigma)
        made = answers(tmp_path / "one.onnx", y)
        assert (made - wanted).abs().max() <= 1e-4 * max(1, float(wanted.abs().max()))


def test_export_takes_a_sigma_for_each_picture(prior: Diffusers, tmp_path: Path) -> None:
    export(prior, tmp_path / "any.onnx")
    y = torch.rand(2, 3, 16, 16)
    made = answers(tmp_path / "any.onnx", y, plane(y, [0.05, 0.3]))
    for k, sigma in enumerate((0.05, 0.3)):
        assert torch.allclose(made[k : k + 1], mean(prior, y[k : k + 1], sigma), atol=1e-4)


def test_exported_file_is_a_denoiser_prior(prior: Diffusers, tmp_path: Path) -> None:
    export(prior, tmp_path / "any.onnx")
    again = Denoiser(path=str(tmp_path / "any.onnx"), sigma="map", highest=0.5, divisor=2)
    y = torch.rand(1, 3, 16, 16)
    assert torch.allclose(mean(again, y, 0.2), mean(prior, y, 0.2), atol=1e-3)


def test_export_of_any_pixel_prior_at_one_sigma(tmp_path: Path) -> None:
    prior, y = (
        Denoiser.of(lambda y, sigma: (y + sigma * y.mean((2, 3), keepdim=True)) / (1 + sigma), highest=0.5),
        torch.rand(1, 3, 8, 8),
    )
    with pytest.raises(DreamCleanError, match="denoiser can be exported for one noise level only; say which"):
        export(prior, tmp_path / "d.onnx")
    with pytest.raises(DreamCleanError, match="strength nsr:2"):
        export(prior, tmp_path / "d.onnx", 1)
    assert not list(tmp_path.iterdir())
    export(prior, tmp_path / "d.onnx", 0.2)
    assert torch.allclose(answers(tmp_path / "d.onnx", y), mean(prior, y, 0.2), atol=1e-4)


def run(monkeypatch: pytest.MonkeyPatch, *words: Any) -> int:
    monkeypatch.setattr("sys.argv", ["dreamclean", "export", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_export_command_writes_darktables_folder(
    prior: Diffusers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, spec = tmp_path / "denoise-tiny", f"diffusers:path={prior.path}"
    assert run(monkeypatch, spec, folder, "--darktable") == 0
    assert {path.name for path in folder.iterdir()} == {"model.onnx", "config.json", "model.yaml"}
    config = json.loads((folder / "config.json").read_text())
    assert (config["id"], config["task"], config["backend"], config["num_inputs"]) == (
        "denoise-tiny",
        "denoise",
        "onnx",
        1,
    )
    assert config["attributes"]["input_sizes"] == [16]
    assert 'task: "denoise"' in (folder / "model.yaml").read_text()
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    (value,) = session.get_inputs()
    assert (value.name, value.shape) == ("input", ["batch_size", 3, "height", "width"])
    y = torch.rand(1, 3, 16, 16)
    assert torch.allclose(answers(folder / "model.onnx", y), mean(prior, y, 25 / 255), atol=1e-4)
    assert run(monkeypatch, spec, folder, "--darktable") == 2
    assert "model.onnx is there already; choose another name or say --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mixture", "out.txt"], "out.txt is not named *.onnx"),
        (["mixture", "there/is/none/out.onnx"], "there is no folder"),
        (["mixture", "out.onnx", "--sigma", "much"], "sigma much is no number; give 0.1 or 25/255"),
        (["nobody", "out.onnx"], "nobody"),
    ],
)
def test_export_command_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.fixture(params=["onnx", "torchscript", "dit"])
def untraceable(tmp_path: Path, prior: Diffusers, request: pytest.FixtureRequest) -> Prior:
    """Priors of which a trace remembers the example's answer, or its size, or that cannot be traced."""
    if request.param == "onnx":
        export(prior, tmp_path / "first.onnx", 0.1)
        return Denoiser(path=str(tmp_path / "first.onnx"), sigma="none", highest=0.5, divisor=2)
    if request.param == "torchscript":
        torch.jit.save(torch.jit.script(torch.nn.Conv2d(3, 3, 1)), str(tmp_path / "first.pt"))
        return Denoiser(path=str(tmp_path / "first.pt"), sigma="none", highest=0.5)
    dit = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=3,
        out_channels=3,
        num_layers=1,
        norm_num_groups=4,
        sample_size=16,
        patch_size=4,
        num_embeds_ada_norm=5,
    )
    dit.save_pretrained(tmp_path / "dit/transformer")
    DDPMScheduler().save_pretrained(tmp_path / "dit/scheduler")
    return Diffusers(path=str(tmp_path / "dit"))


def test_export_writes_no_file_that_answers_otherwise(untraceable: Prior, tmp_path: Path) -> None:
    with pytest.raises(DreamCleanError, match=r"cannot be written as ONNX for pictures of every size \(") as caught:
        export(untraceable, tmp_path / "out.onnx", 0.1)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*out.onnx*"))
