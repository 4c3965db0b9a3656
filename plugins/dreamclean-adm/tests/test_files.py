"""Files that do not fit, files that hold code, and converted folders."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from dreamclean_adm.files import read
from dreamclean_adm.prior import ADM
from safetensors.torch import load_file, save_file
from torch import Tensor
from typer.testing import CliRunner

from dreamclean import DreamCleanError
from dreamclean.cli.main import app
from dreamclean.testing import loaded


def refusal(path: Path, **settings: object) -> str:
    """The one line that is said of a file."""
    with pytest.raises(DreamCleanError) as caught:
        loaded(ADM(path=str(path), **settings))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["guided", "ddpm"])
@pytest.mark.parametrize("position", [0, 20, 41, -1])
def test_load_names_a_missing_tensor(models, saved, name, position):
    state = models.state(name)
    key = list(state)[position]
    del state[key]
    assert refusal(saved(state), **models.settings(name)).endswith(f"'{key}' is missing")


@pytest.mark.parametrize("name", ["guided", "ddpm"])
def test_load_names_the_first_tensor_that_differs(models, saved, name):
    """In its number of axes or in a length; and one that the network does not have."""
    key = {"guided": "middle_block.1.qkv.weight", "ddpm": "mid.attn_1.q.weight"}[name]
    state, settings = models.state(name), models.settings(name)
    shape = tuple(state[key].shape)
    for other in ((*shape, 1), (shape[0] + 1, *shape[1:])):
        said = refusal(saved({**state, key: torch.zeros(other)}), **settings)
        assert said.endswith(f"'{key}' is {other}, not {shape}")
    assert refusal(saved({**state, "more.bias": torch.zeros(1)}), **settings).endswith("'more.bias' is not of it")


@pytest.mark.parametrize(
    ("name", "key", "said"),
    [
        ("guided", "time_embed.0.weight", "which has too few axes"),
        ("guided", "out.2.weight", "outputs: Input should be 3 or 6"),
        ("ddpm", "conv_in.weight", "34 channels at a level; every level has a multiple of 32"),
        ("ddpm", "down.1.block.0.conv1.weight", "34 channels at a level; every level has a multiple of 32"),
    ],
)
def test_load_refuses_shapes_that_no_network_has(models, saved, name, key, said):
    """Those from which the architecture is read."""
    state = {**models.state(name), key: torch.zeros(34)}
    assert said in refusal(saved(state), **models.settings(name))


def test_load_refuses_an_upsampler(models, saved):
    """It takes six channels."""
    state = models.state("guided")
    state["input_blocks.0.0.weight"] = torch.zeros(32, 6, 3, 3)
    assert "'input_blocks.0.0.weight' is (32, 6, 3, 3)" in refusal(saved(state), **models.settings("guided"))


def test_load_refuses_a_file_that_is_not_the_preset(models):
    said = refusal(models.path("guided"), preset="guided-256")
    assert "does not fit preset guided-256: 'time_embed.0.weight' is (128, 32), not (1024, 256)" in said
    assert "does not fit preset ddpm-256: 'temb.dense.0.weight' is missing" in refusal(
        models.path("guided"), preset="ddpm-256"
    )
    assert "there is no preset 'adm'" in refusal(models.path("guided"), preset="adm")


def test_load_refuses_files_of_something_else(models, saved, tmp_path):
    assert "its first tensor is 'weight'" in refusal(saved({"weight": torch.zeros(1)}))
    assert "holds a list in place of a state dict" in refusal(saved([1]))
    assert "'epoch' is a int" in refusal(saved({**models.state("ddpm"), "epoch": 3}))
    assert "there is no file" in refusal(tmp_path / "nothing.pt")
    assert "there is no file" in refusal(tmp_path / "nothing.safetensors")
    assert "there is no file" in refusal(tmp_path)
    (tmp_path / "text.pt").write_text("not found")
    assert "not a plain file of weights" in refusal(tmp_path / "text.pt")
    (tmp_path / "text.safetensors").write_text("not found")
    assert "not a safetensors file" in refusal(tmp_path / "text.safetensors")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"heads": 4, "head_width": 16}, "give heads or head_width, one of the two"),
        ({"heads": 5}, "32 channels at level 1 cannot be split into heads by 5"),
    ],
)
def test_load_refuses_heads_that_cannot_be(models, settings, said):
    assert said in refusal(models.path("guided"), **settings)


class Touch:
    """Pickled, it makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_load_runs_no_code_in_a_pickle(saved, tmp_path):
    trace, plain = tmp_path / "trace", tmp_path / "plain.ckpt"
    plain.write_bytes(pickle.dumps(Touch(trace), protocol=2))
    for path in (saved({"input_blocks.0.0.weight": Touch(trace)}), plain):
        assert "not a plain file of weights; a pickle that holds code is not run" in refusal(path)
        assert not trace.exists()
    pickle.loads(plain.read_bytes())
    assert trace.exists()  # it would have


def same(eps: Tensor, expected: Tensor) -> None:
    """Equal weights, but where they lie in memory is the loader's, and decides the order of a kernel's sums."""
    torch.testing.assert_close(eps, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["guided", "ddpm"])
def test_load_reads_old_files_and_half_precision(models, saved, name):
    """Files of PyTorch before 1.6 are no zip archives; weights stored in float16 are computed with in float32."""
    x, settings = torch.randn(1, 3, 16, 16), models.settings(name)
    expected = loaded(ADM(path=str(models.path(name)), **settings))
    level = expected.schedule.at(300)
    old = loaded(ADM(path=str(saved(models.state(name), _use_new_zipfile_serialization=False)), **settings))
    same(old.predict(x, level), expected.predict(x, level))
    half = ADM(path=str(saved({key: tensor.half() for key, tensor in models.state(name).items()})), **settings)
    assert {parameter.dtype for parameter in half.parts()[1].parameters()} == {torch.float32}
    torch.testing.assert_close(loaded(half).predict(x, level), expected.predict(x, level), rtol=0, atol=0.02)


def convert(*arguments: object):
    return CliRunner().invoke(app, ["adm", "convert", *map(str, arguments)])


@pytest.mark.parametrize("name", ["guided", "improved", "ddpm"])
def test_convert_makes_a_folder_of_the_same_prior(models, tmp_path, name):
    """With nothing but its path: what was said of heads and noise is in its config."""
    folder, settings = tmp_path / "made" / "folder", models.settings(name)
    result = convert(models.path(name), folder, "--with", ",".join(f"{k}={v}" for k, v in settings.items()))
    assert result.exception is None, result.exception
    assert "million parameters; use it with --prior adm:path=" in result.output
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]
    written, state = load_file(folder / "model.safetensors"), models.state(name)
    assert written.keys() == state.keys()
    assert all(torch.equal(tensor, state[key]) for key, tensor in written.items())
    one, two = ADM(path=str(models.path(name)), **settings), ADM(path=str(folder))
    (config, network), (other, same_network) = one.parts(), two.parts()
    assert config == other
    assert all(map(torch.equal, network.state_dict().values(), same_network.state_dict().values()))
    x, level = torch.randn(1, 3, 16, 16), loaded(one).schedule.at(900)
    same(loaded(two).predict(x, level), loaded(one).predict(x, level))


def test_load_takes_settings_before_a_folders_config(models, tmp_path):
    assert convert(models.path("guided"), tmp_path / "out", "--with", "head_width=16").exception is None
    config = ADM(path=str(tmp_path / "out"), heads=2, betas="cosine").parts()[0]
    assert (config.heads, config.head_width, config.betas) == (2, None, "cosine")


def test_load_reads_safetensors_alone(models, tmp_path):
    save_file(models.state("ddpm"), tmp_path / "model.safetensors")
    assert ADM(path=str(tmp_path / "model.safetensors")).parts()[0] == ADM(path=str(models.path("ddpm"))).parts()[0]


def test_convert_overwrites_nothing(models, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for target in (tmp_path, tmp_path / "mine.txt"):
        result = convert(models.path("ddpm"), target)
        assert isinstance(result.exception, DreamCleanError)
        assert "exists; give the name of a new folder" in str(result.exception)
    (tmp_path / "empty").mkdir()
    assert convert(models.path("ddpm"), tmp_path / "empty").exception is None
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_convert_writes_nothing_of_a_bad_file(saved, tmp_path):
    source = saved({"weight": torch.zeros(1)})
    assert isinstance(convert(source, tmp_path / "out").exception, DreamCleanError)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("text", ["error", "<html>", "cnothing", "(lp0\n."])
def test_convert_says_in_a_line_that_a_file_is_damaged(tmp_path, text):
    (tmp_path / "bad.pt").write_text(text)
    failed = convert(tmp_path / "bad.pt", tmp_path / "out").exception
    assert isinstance(failed, DreamCleanError) and "\n" not in str(failed)


@pytest.mark.parametrize("text", ["", "[]", '{"family": "openai"}', '{"nothing": 1}'])
def test_load_refuses_a_config_that_is_none(models, tmp_path, text):
    assert convert(models.path("ddpm"), tmp_path / "out").exception is None
    (tmp_path / "out" / "config.json").write_text(text)
    refusal(tmp_path / "out")


def test_load_refuses_a_config_of_other_weights(models, tmp_path):
    assert convert(models.path("ddpm"), tmp_path / "out").exception is None
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    (tmp_path / "out" / "config.json").write_text(json.dumps({**config, "attention_levels": []}))
    assert refusal(tmp_path / "out").endswith("'down.1.attn.0.k.bias' is not of it")


def test_plugin_imports_nothing_heavy():
    code = "import sys, dreamclean_adm.plugin, dreamclean_adm.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_load_does_not_call_weights_damaged_that_do_not_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights.pth").write_bytes(b"")
    monkeypatch.setattr(torch, "load", lambda *given, **more: torch.empty(10**15))
    with pytest.raises(RuntimeError, match="allocate memory"):
        read(tmp_path / "weights.pth")
