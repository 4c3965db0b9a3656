"""EDM2: the kernel's contract, the network against an independent evaluation and the authors' code, what is refused."""

import math
import os
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from dreamclean_adm.edm2_prior import EDM2
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import conv2d, silu

from dreamclean import DreamCleanError, DreamCleanWarning, Restorer
from dreamclean.builtin.priors.export import export
from dreamclean.testing import PriorSuite, loaded
from dreamclean.testing.component import pictures

Tensors = dict[str, Tensor]
HEAD = 4
CLONE = os.environ.get("EDM2_CLONE")
"""The folder of a clone of github.com/NVlabs/edm2; its licence does not let its code be here."""


def layout(
    size: int,
    width: int,
    mult: tuple[int, ...],
    blocks: int,
    attended: tuple[int, ...],
    classes: int,
    channels: int = 3,
) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of NVlabs' ``Precond``, as its layers are laid out in Figure 21."""
    widths = [width * m for m in mult]
    deep, shapes = max(widths), {}

    def block(name: str, first: int, ins: int, out: int, attention: bool) -> None:
        shapes[f"{name}.emb_gain"] = ()
        shapes[f"{name}.conv_res0.weight"] = (out, first, 3, 3)
        shapes[f"{name}.emb_linear.weight"] = (out, deep)
        shapes[f"{name}.conv_res1.weight"] = (out, out, 3, 3)
        if ins != out:
            shapes[f"{name}.conv_skip.weight"] = (out, ins, 1, 1)
        if attention:
            shapes[f"{name}.attn_qkv.weight"] = (3 * out, out, 1, 1)
            shapes[f"{name}.attn_proj.weight"] = (out, out, 1, 1)

    shapes |= {"unet.out_gain": (), "unet.emb_fourier.freqs": (widths[0],), "unet.emb_fourier.phases": (widths[0],)}
    shapes["unet.emb_noise.weight"] = (deep, widths[0])
    if classes:
        shapes["unet.emb_label.weight"] = (deep, classes)
    skips, now = [], widths[0]
    for level, out in enumerate(widths):
        side = size >> level
        at = f"unet.enc.{side}x{side}"
        if level:
            block(f"{at}_down", now, now, now, False)
        else:
            shapes[f"{at}_conv.weight"] = (now, channels + 1, 3, 3)
        skips.append(now)
        for index in range(blocks):
            block(f"{at}_block{index}", out, now, out, side in attended)
            now = out
            skips.append(now)
    for level, out in reversed([*enumerate(widths)]):
        side = size >> level
        at = f"unet.dec.{side}x{side}"
        for name in ("up",) if level < len(widths) - 1 else ("in0", "in1"):
            block(f"{at}_{name}", now, now, now, name == "in0")
        for index in range(blocks + 1):
            ins = now + skips.pop()
            block(f"{at}_block{index}", ins, ins, out, side in attended)
            now = out
    shapes["unet.out_conv.weight"] = (channels, now, 3, 3)
    return {**shapes, "logvar_fourier.freqs": (128,), "logvar_fourier.phases": (128,), "logvar_linear.weight": (1, 128)}


def tensors(classes: int = 7, channels: int = 3) -> Tensors:
    """Of a tiny network with two sizes, every one random, so that each matters."""
    noise = torch.Generator().manual_seed(0)
    shapes = layout(16, 8, (1, 2), 1, (8,), classes, channels)
    return {name: torch.randn(shape, generator=noise) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("edm2") / "tiny.safetensors"
    save_file(tensors(), file)
    return str(file)


class TestEDM2(PriorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def component(cls, path: str) -> EDM2:
        return EDM2(path=path, head_width=HEAD)


def by_formulas(state: Tensors, x: Tensor, sigma: float, label: int | None) -> Tensor:
    """D(x) of ``tensors()`` in double precision, written from the paper's equations, part by part."""
    w = {name.removeprefix("unet."): value.double() for name, value in state.items()}

    def layer(name: str, v: Tensor) -> Tensor:
        kernel = w[f"{name}.weight"]
        rows = kernel.reshape(len(kernel), -1)
        kernel = (rows / (rows.norm(dim=1, keepdim=True) + 1e-4 * rows.shape[1] ** 0.5)).reshape(kernel.shape)
        return v @ kernel.T if kernel.ndim == 2 else conv2d(v, kernel, padding=kernel.shape[2] // 2)

    def unit(v: Tensor, dim: int) -> Tensor:
        return v / (v.square().mean(dim, keepdim=True).sqrt() + 1e-4)

    def add(a: Tensor, b: Tensor, t: float) -> Tensor:
        return (a * (1 - t) + b * t) / ((1 - t) ** 2 + t**2) ** 0.5

    def attend(name: str, v: Tensor) -> Tensor:
        made, (_, c, h, wide) = [], v.shape
        parts = layer(f"{name}.attn_qkv", v).reshape(len(v), c // HEAD, HEAD, 3, h * wide)
        for head in range(c // HEAD):
            q, k, values = (unit(parts[:, head, :, part], 1) for part in range(3))
            weight = torch.softmax(q.transpose(1, 2) @ k / HEAD**0.5, dim=2)
            made.append(values @ weight.transpose(1, 2))
        return add(v, layer(f"{name}.attn_proj", torch.cat(made, 1).reshape(v.shape)), 0.3)

    def block(name: str, v: Tensor) -> Tensor:
        encoder, skip = name.startswith("enc"), f"{name}.conv_skip.weight" in w
        if name.endswith("down"):
            v = (v[..., ::2, ::2] + v[..., 1::2, ::2] + v[..., ::2, 1::2] + v[..., 1::2, 1::2]) / 4
        if name.endswith("up"):
            v = v.repeat_interleave(2, 2).repeat_interleave(2, 3)
        v = layer(f"{name}.conv_skip", v) if encoder and skip else v
        v = unit(v, 1) if encoder else v
        told = 1 + w[f"{name}.emb_gain"] * layer(f"{name}.emb_linear", emb)
        y = layer(f"{name}.conv_res0", silu(v) / 0.596) * told[:, :, None, None]
        y = layer(f"{name}.conv_res1", silu(y) / 0.596)
        v = add(layer(f"{name}.conv_skip", v) if skip and not encoder else v, y, 0.3)
        return (attend(name, v) if f"{name}.attn_qkv.weight" in w else v).clamp(-256, 256)

    x, total = x.double(), (sigma**2 + 0.25) ** 0.5
    waves = (math.log(sigma) / 4 * w["emb_fourier.freqs"] + w["emb_fourier.phases"]).cos() * 2**0.5
    one = torch.zeros(1, 7, dtype=torch.float64)
    if label is not None:
        one[0, label] = 7**0.5
    emb = silu(add(layer("emb_noise", waves[None]), layer("emb_label", one), 0.5)) / 0.596
    skips = [layer("enc.16x16_conv", torch.cat([x / total, torch.ones_like(x[:, :1])], 1))]
    for name in ("enc.16x16_block0", "enc.8x8_down", "enc.8x8_block0"):
        skips.append(block(name, skips[-1]))
    v = block("dec.8x8_in1", block("dec.8x8_in0", skips[-1]))
    for name in ("8x8_block0", "8x8_block1", "16x16_up", "16x16_block0", "16x16_block1"):
        if "block" in name:
            other = skips.pop()
            c, d = v.shape[1], other.shape[1]
            v = torch.cat([v * ((c + d) / (2 * c)) ** 0.5, other * ((c + d) / (2 * d)) ** 0.5], 1)
        v = block(f"dec.{name}", v)
    return 0.25 / total**2 * x + 0.5 * sigma / total * w["out_gain"] * layer("out_conv", v)


@pytest.mark.parametrize("label", [None, 3])
@pytest.mark.parametrize("sigma", [0.05, 1.0, 10.0])
def test_edm2_predicts_what_the_formulas_say(path: str, sigma: float, label: int | None):
    with pytest.warns(DreamCleanWarning, match="label=N says which") if label is None else nullcontext():
        model = loaded(EDM2(path=path, label=label, head_width=HEAD))
    x = sigma * torch.randn(2, 3, 12, 20, generator=torch.Generator().manual_seed(1)) + 0.3
    with torch.no_grad():
        eps, expected = model.predict(x, model.schedule.at(sigma)), by_formulas(tensors(), x, sigma, label)
    torch.testing.assert_close(eps.double(), (x - expected) / sigma, rtol=0, atol=1e-5)


@pytest.mark.skipif(CLONE is None, reason="set EDM2_CLONE to a clone of github.com/NVlabs/edm2")
@pytest.mark.parametrize("label", [None, 3])
def test_edm2_predicts_what_the_authors_code_says(path: str, monkeypatch: pytest.MonkeyPatch, label: int | None):
    """At levels where the authors' own arithmetic in float32 tells eps to 1e-5."""
    monkeypatch.syspath_prepend(CLONE)
    from training.networks_edm2 import Precond  # type: ignore[import-not-found]

    sizes = dict(model_channels=8, channel_mult=[1, 2], num_blocks=1, attn_resolutions=[8], channels_per_head=HEAD)
    net = Precond(16, 3, 7, **sizes).eval()
    net.load_state_dict(tensors())
    model = loaded(EDM2(path=path, label=label, head_width=HEAD))
    one = None if label is None else torch.eye(7)[[label]]
    for sigma in (0.05, 0.5, 5.0, 80.0):
        x = sigma * torch.randn(1, 3, 24, 16) + 0.3
        with torch.no_grad():
            eps, clean = model.predict(x, model.schedule.at(sigma)), net(x, torch.tensor([sigma]), one)
        torch.testing.assert_close(eps, (x - clean) / sigma, rtol=0, atol=1e-5)
    assert "training.networks_edm2" in sys.modules


def test_edm2_has_the_size_of_the_published_networks():
    """EDM2-S for ImageNet 64: 280 million parameters (Karras et al. 2024, Table 4)."""
    shapes = layout(64, 192, (1, 2, 3, 4), 3, (16, 8), 1000)
    buffers = ("freqs", "phases")
    assert round(sum(math.prod(s) for n, s in shapes.items() if not n.endswith(buffers)) / 1e6) == 280


def test_edm2_convolutions_run_in_half_precision(path: str):
    model = EDM2(path=path, head_width=HEAD).load(torch.device("cpu"), torch.bfloat16)
    x = torch.randn(1, 3, 16, 16)
    whole = loaded(EDM2(path=path, head_width=HEAD))
    with torch.no_grad():
        eps, expected = (m.predict(x, m.schedule.at(1.0)) for m in (model, whole))
    assert eps.dtype == torch.float32
    assert 0 < (eps - expected).abs().max() < 0.2


def test_edm2_can_be_exported(path: str, tmp_path: Path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    export(EDM2(path=path, head_width=HEAD), tmp_path / "edm2.onnx", 0.1)  # which compares the file with the network
    assert (tmp_path / "edm2.onnx").is_file()


@pytest.mark.parametrize("operator", [None, "downsample:factor=2"])
def test_edm2_restores_end_to_end(path: str, operator: str | None):
    restorer = Restorer(
        EDM2(path=path, head_width=HEAD), operator=operator, steps=3, planner="fixed", strength="nsr:0.5"
    )
    y = pictures((24, 28))[:1]
    result = restorer(restorer.operator.degrade(y) if restorer.operator else y)
    assert result.image.shape == y.shape and result.image.isfinite().all()
    assert result.nfe > 0


@pytest.mark.parametrize(
    ("changes", "settings", "said"),
    [
        ({"unet.out_gain": None}, {}, "unet.out_gain is missing"),
        ({"unet.dec.8x8_in1.conv_res1.weight": None}, {}, "conv_res1.weight is missing"),
        ({"unet.enc.16x16_conv.bias": torch.zeros(8)}, {}, "'unet.enc.16x16_conv.bias' is not of it"),
        (tensors(channels=4), {}, "latents of 4 channels"),
        ({}, {"head_width": 64}, "16 channels do not make heads of 64"),
        ({}, {"label": 7}, "no class 7: .* has the classes 0 to 6"),
        ({"unet.emb_label.weight": None}, {"label": 0}, "has no classes; leave label out"),
    ],
)
def test_edm2_refuses_other_files_and_classes(tmp_path: Path, changes: Tensors, settings: dict[str, int], said: str):
    state = {name: value for name, value in {**tensors(), **changes}.items() if value is not None}
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(DreamCleanError, match=said) as caught:
        EDM2(path=str(tmp_path / "other.safetensors"), **{"head_width": HEAD, **settings}).network()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["edm2-img64-s-1073741-0.075.pkl", "absent.safetensors"])
def test_edm2_reads_no_pickle_and_says_what_is_not_there(tmp_path: Path, name: str):
    with pytest.raises(DreamCleanError, match=r"no \.safetensors file|there is no file"):
        EDM2(path=str(tmp_path / name)).network()
