"""FBCNN: the published layout, what the network does with known weights, and files that do not fit."""

import importlib
import math
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from dreamclean_bench.method import Problem
from dreamclean_fbcnn.method import FBCNN
from dreamclean_fbcnn.network import Network, load
from torch import Tensor

from dreamclean import DreamCleanError, Mixture, hookimpl
from dreamclean.host.host import Host, Plugin

State = dict[str, Tensor]


def layout() -> State:
    with torch.device("meta"):
        return Network().state_dict()


def zeros() -> State:
    """All weights 0, as tensors that take no room in a file."""
    return {key: torch.zeros(1).expand(tensor.shape) for key, tensor in layout().items()}


def set_to(state: State, key: str, **entries: float) -> None:
    """Set entries of a tensor, ``i0_2=0.5`` for [0, 2]."""
    state[key] = state[key].clone()
    for index, value in entries.items():
        state[key][tuple(map(int, index.removeprefix("i").split("_")))] = value


def transparent() -> State:
    """Head and tail pass the three channels through and everything between adds nothing."""
    state = zeros()
    for key in ("m_head.weight", "m_tail.weight"):
        set_to(state, key, i0_0_1_1=1.0, i1_1_1_1=1.0, i2_2_1_1=1.0)
    return state


def responsive(gain: float = 0.2) -> State:
    """As ``transparent``, and each block at full resolution adds tanh(gain coarseness) to the red channel."""
    state = transparent()
    for key in ("qf_embed.0.weight", "qf_embed.2.weight", "qf_embed.4.weight"):
        set_to(state, key, i0_0=1.0)
    set_to(state, "to_beta_1.0.weight", i0_0=gain)
    set_to(state, "qf_pred.10.bias", i0=math.log(0.3 / 0.7))  # it reads a coarseness of 0.3, quality 70
    return state


def noisy(seed: int = 0) -> State:
    """Random weights of a trained network's size, alike for every output channel to keep the file small."""
    generator = torch.Generator().manual_seed(seed)
    return {
        key: (torch.randn((1, *tensor.shape[1:]), generator=generator) / tensor[0].numel() ** 0.5).expand(tensor.shape)
        for key, tensor in layout().items()
    }


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[object], Path]:
    def save(state: object) -> Path:
        torch.save(state, tmp_path / "fbcnn_color.pth")
        return tmp_path / "fbcnn_color.pth"

    return save


def run(pictures: Tensor, **settings: object) -> Tensor:
    seeds = list(range(len(pictures)))
    return FBCNN(**settings)(Problem(pictures, pictures, None, Mixture.around(pictures), seeds))  # type: ignore[arg-type]


def some_pictures(count: int = 1, height: int = 19, width: int = 13) -> Tensor:
    return 0.1 + 0.2 * torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_fbcnn_has_the_layout_of_the_published_weights():
    """Names and shapes as in the published code; 71.92 million values, as the paper counts them."""
    state = layout()
    assert len(state) == 184
    assert sum(tensor.numel() for tensor in state.values()) == 71_921_796
    expected = {
        "m_head.weight": (64, 3, 3, 3),
        "m_down1.0.res.0.weight": (64, 64, 3, 3),
        "m_down1.3.res.2.bias": (64,),
        "m_down1.4.weight": (128, 64, 2, 2),
        "m_down3.4.weight": (512, 256, 2, 2),
        "m_body_encoder.3.res.2.weight": (512, 512, 3, 3),
        "m_body_decoder.0.res.0.weight": (512, 512, 3, 3),
        "m_up3.0.weight": (512, 256, 2, 2),
        "m_up3.1.res.0.weight": (256, 256, 3, 3),
        "m_up1.4.res.2.weight": (64, 64, 3, 3),
        "m_tail.weight": (3, 64, 3, 3),
        "qf_pred.3.res.2.weight": (512, 512, 3, 3),
        "qf_pred.6.weight": (512, 512),
        "qf_pred.10.weight": (1, 512),
        "qf_embed.0.weight": (512, 1),
        "qf_embed.4.bias": (512,),
        "to_gamma_3.0.weight": (256, 512),
        "to_beta_1.0.bias": (64,),
    }
    assert {key: tuple(state[key].shape) for key in expected} == expected


def test_fbcnn_returns_the_picture_where_the_weights_add_nothing(saved):
    """Of a size that is not a multiple of 8: the padding is cropped off again."""
    pictures = some_pictures()
    torch.testing.assert_close(run(pictures, path=saved(transparent())), pictures, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("quality", "coarseness"), [(100, 0.0), (40, 0.6), (None, 0.3)])
def test_fbcnn_blocks_depend_on_the_quality(saved, quality, coarseness):
    """4 blocks, each of which shifts red by tanh(0.2 (1 - quality / 100)); without a quality, the one that was read."""
    pictures = some_pictures()
    expected = pictures.clone()
    expected[:, 0] += 4 * math.tanh(0.2 * coarseness)
    torch.testing.assert_close(run(pictures, path=saved(responsive()), quality=quality), expected, rtol=0, atol=1e-6)


def test_fbcnn_runs_with_random_weights(saved):
    """Shape, range, the same again, and each picture as it is alone (1e-5: batches are summed in another order)."""
    pictures, path = some_pictures(2), saved(noisy())
    result = run(pictures, path=path)
    assert result.shape == pictures.shape
    assert (result - pictures).abs().max() > 0.01
    assert torch.equal(result, run(pictures, path=path))
    torch.testing.assert_close(result[1:], run(pictures[1:], path=path), rtol=0, atol=1e-5)


def test_fbcnn_refuses_files_that_do_not_fit(saved, tmp_path):
    lacking, reshaped, more = zeros(), zeros(), {**zeros(), "m_extra.weight": torch.zeros(1)}
    del lacking["m_up2.3.res.0.weight"]
    reshaped["m_head.weight"] = torch.zeros(64, 1, 3, 3)  # the grey weights
    for state, said in (
        (lacking, "'m_up2.3.res.0.weight' is missing"),
        (reshaped, r"'m_head.weight' is \(64, 1, 3, 3\), not \(64, 3, 3, 3\)"),
        (more, "'m_extra.weight' is not of it"),
        (torch.zeros(3), "it holds a Tensor"),
    ):
        with pytest.raises(DreamCleanError, match=said) as caught:
            run(some_pictures(), path=saved(state))
        assert "\n" not in str(caught.value)
    with pytest.raises(DreamCleanError, match="there is no file"):
        run(some_pictures(), path=tmp_path / "nowhere.pth")


class Touch:
    """Pickled, it makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_fbcnn_runs_no_code_in_a_pickle(saved, tmp_path):
    trace, plain, text = tmp_path / "trace", tmp_path / "plain.pth", tmp_path / "text.pth"
    plain.write_bytes(pickle.dumps(Touch(trace), protocol=2))
    text.write_text("not found")
    for path in (saved({"m_head.weight": Touch(trace)}), plain, text):
        with pytest.raises(DreamCleanError, match="not a plain file of weights") as caught:
            run(some_pictures(), path=path)
        assert "\n" not in str(caught.value)
        assert not trace.exists()
    pickle.loads(plain.read_bytes())
    assert trace.exists()  # it would have


def test_fbcnn_registers_and_says_what_it_needs(saved):
    class Bench:
        """The bench's declaration alone."""

        @staticmethod
        @hookimpl
        def register_kinds(declare):
            declare("method", "dreamclean_bench.method:Method")

    plugins = [
        Plugin("dreamclean-bench", "0", "bench", lambda: Bench),
        Plugin("dreamclean-fbcnn", "0", "fbcnn", lambda: importlib.import_module("dreamclean_fbcnn.plugin")),
    ]
    host = Host(plugins)
    assert host.make("method", f"fbcnn:path={saved(transparent())},quality=40").quality == 40
    assert host.failures == {}
    with pytest.raises(DreamCleanError, match="setting 'path' is needed"):
        host.make("method", "fbcnn")
    with pytest.raises(DreamCleanError, match="quality"):
        host.make("method", "fbcnn:path=a,quality=0")


def test_fbcnn_does_not_call_weights_damaged_that_do_not_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights.pth").write_bytes(b"")
    monkeypatch.setattr(torch, "load", lambda *given, **more: torch.empty(10**15))
    with pytest.raises(RuntimeError, match="allocate memory"):
        load(tmp_path / "weights.pth")
