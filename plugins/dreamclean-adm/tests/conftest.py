"""The published layouts, written down from the projects' flags, and small models in them with random weights."""

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


class Sheet:
    """Names and shapes of tensors, as they are written down."""

    def __init__(self) -> None:
        self.shapes: Shapes = {}

    def pair(self, name: str, *shape: int) -> None:
        self.shapes[f"{name}.weight"], self.shapes[f"{name}.bias"] = shape, shape[:1]

    def conv(self, name: str, ins: int, out: int, side: int = 3) -> None:
        self.pair(name, out, ins, side, side)


def openai(
    image_size: int,
    num_channels: int,
    num_res_blocks: int,
    attention_resolutions: tuple[int, ...],
    channel_mult: tuple[float, ...],
    num_classes: int = 0,
    resblock_updown: bool = False,
    use_scale_shift_norm: bool = True,
    **_: Any,
) -> Shapes:
    """The layout of a state dict of guided-diffusion or improved-diffusion, from its MODEL_FLAGS."""
    sheet, deep = Sheet(), 4 * num_channels
    widths = [int(num_channels * mult) for mult in channel_mult]

    def res(name: str, ins: int, out: int) -> None:
        sheet.pair(f"{name}.in_layers.0", ins)
        sheet.conv(f"{name}.in_layers.2", ins, out)
        sheet.pair(f"{name}.emb_layers.1", 2 * out if use_scale_shift_norm else out, deep)
        sheet.pair(f"{name}.out_layers.0", out)
        sheet.conv(f"{name}.out_layers.3", out, out)
        if ins != out:
            sheet.conv(f"{name}.skip_connection", ins, out, 1)

    def attn(name: str, width: int) -> None:
        sheet.pair(f"{name}.norm", width)
        sheet.pair(f"{name}.qkv", 3 * width, width, 1)
        sheet.pair(f"{name}.proj_out", width, width, 1)

    def change(name: str, width: int, conv: str) -> None:
        if resblock_updown:
            res(name, width, width)
        else:
            sheet.conv(f"{name}.{conv}", width, width)

    sheet.pair("time_embed.0", deep, num_channels)
    sheet.pair("time_embed.2", deep, deep)
    if num_classes:
        sheet.shapes["label_emb.weight"] = (num_classes, deep)
    sheet.conv("input_blocks.0.0", 3, widths[0])
    made, side, number = [widths[0]], image_size, 0
    for width in widths:
        for _index in range(num_res_blocks):
            number += 1
            res(f"input_blocks.{number}.0", made[-1], width)
            made.append(width)
            if side in attention_resolutions:
                attn(f"input_blocks.{number}.1", width)
        if number + 1 < len(widths) * (num_res_blocks + 1):
            number += 1
            change(f"input_blocks.{number}.0", width, "op")
            made.append(width)
            side //= 2
    for index, part in enumerate((res, attn, res)):
        part(f"middle_block.{index}", *[widths[-1]] * (1 if part is attn else 2))
    current = widths[-1]
    for number in range(len(widths) * (num_res_blocks + 1)):
        level = len(widths) - 1 - number // (num_res_blocks + 1)
        last = number % (num_res_blocks + 1) == num_res_blocks
        res(f"output_blocks.{number}.0", current + made.pop(), widths[level])
        current, attended = widths[level], side in attention_resolutions
        if attended:
            attn(f"output_blocks.{number}.1", current)
        if last and level:
            change(f"output_blocks.{number}.{2 if attended else 1}", current, "conv")
            side *= 2
    sheet.pair("out.0", current)
    sheet.conv("out.2", current, 6)
    return sheet.shapes


def ddpm(
    resolution: int,
    ch: int,
    ch_mult: tuple[int, ...],
    num_res_blocks: int,
    attn_resolutions: tuple[int, ...],
) -> Shapes:
    """The layout of a state dict of pesser/pytorch_diffusion and SDEdit, from the model's config."""
    sheet = Sheet()

    def res(name: str, ins: int, out: int) -> None:
        sheet.pair(f"{name}.norm1", ins)
        sheet.conv(f"{name}.conv1", ins, out)
        sheet.pair(f"{name}.temb_proj", out, 4 * ch)
        sheet.pair(f"{name}.norm2", out)
        sheet.conv(f"{name}.conv2", out, out)
        if ins != out:
            sheet.conv(f"{name}.nin_shortcut", ins, out, 1)

    def attn(name: str, width: int) -> None:
        sheet.pair(f"{name}.norm", width)
        for part in ("q", "k", "v", "proj_out"):
            sheet.conv(f"{name}.{part}", width, width, 1)

    sheet.pair("temb.dense.0", 4 * ch, ch)
    sheet.pair("temb.dense.1", 4 * ch, 4 * ch)
    sheet.conv("conv_in", 3, ch)
    made = [ch]
    for level, mult in enumerate(ch_mult):
        for index in range(num_res_blocks):
            res(f"down.{level}.block.{index}", made[-1], ch * mult)
            made.append(ch * mult)
            if resolution >> level in attn_resolutions:
                attn(f"down.{level}.attn.{index}", ch * mult)
        if level < len(ch_mult) - 1:
            sheet.conv(f"down.{level}.downsample.conv", ch * mult, ch * mult)
            made.append(ch * mult)
    current = made[-1]
    res("mid.block_1", current, current)
    attn("mid.attn_1", current)
    res("mid.block_2", current, current)
    for level, mult in reversed(list(enumerate(ch_mult))):
        for index in range(num_res_blocks + 1):
            res(f"up.{level}.block.{index}", current + made.pop(), ch * mult)
            current = ch * mult
            if resolution >> level in attn_resolutions:
                attn(f"up.{level}.attn.{index}", current)
        if level:
            sheet.conv(f"up.{level}.upsample.conv", current, current)
    sheet.pair("norm_out", current)
    sheet.conv("conv_out", current, 3)
    return sheet.shapes


def random_weights(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Weights that keep the variance of what goes through them, so that every part of the network matters."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, shape in shapes.items():
        value = torch.randn(shape, generator=generator)
        if len(shape) > 1:
            value = value / math.sqrt(math.prod(shape[1:]))
        elif key.endswith(".weight"):  # a norm's
            value = 1 + 0.3 * value
        else:
            value = 0.3 * value
        state[key] = value
    return state


SMALL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "guided": (
        dict(channel_mult=(1, 1, 2), num_res_blocks=1, attention_resolutions=(8, 16), resblock_updown=True),
        dict(head_width=16),
    ),
    "guided, new order": (
        dict(channel_mult=(1, 2), num_res_blocks=2, attention_resolutions=(16,), resblock_updown=True, num_classes=5),
        dict(head_width=16, attention_order="new", betas="cosine", label=3),
    ),
    "guided, half width": (
        dict(channel_mult=(0.5, 1, 1), num_channels=64, num_res_blocks=1, attention_resolutions=(16,), num_classes=4)
        | dict(resblock_updown=True),
        dict(heads=4, label=0),
    ),
    "improved": (
        dict(channel_mult=(1, 2, 2), num_res_blocks=1, attention_resolutions=(16, 8)),
        dict(heads=4, betas="cosine", timesteps=4000, rescale_timesteps=True),
    ),
    "improved, no scale": (
        dict(channel_mult=(1, 2), num_res_blocks=2, attention_resolutions=(8,), use_scale_shift_norm=False),
        dict(heads=1),
    ),
}
"""Small networks of OpenAI's two projects: their flags, and the prior's settings."""

SMALL_DDPM: dict[str, Any] = dict(resolution=32, ch=32, ch_mult=(1, 2, 2), num_res_blocks=2, attn_resolutions=(16,))


class Models:
    """Small models, each in a file of its real kind, written when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def flags(self, name: str) -> dict[str, Any]:
        return {"image_size": 32, "num_channels": 32, **SMALL[name][0]}

    def state(self, name: str) -> dict[str, Tensor]:
        return random_weights(ddpm(**SMALL_DDPM) if name == "ddpm" else openai(**self.flags(name)))

    def path(self, name: str) -> Path:
        path = self.folder / (f"{name}.ckpt" if name == "ddpm" else f"{name.replace(',', '').replace(' ', '_')}.pt")
        if not path.exists():
            torch.save(self.state(name), path)
        return path

    def settings(self, name: str) -> dict[str, Any]:
        return {} if name == "ddpm" else dict(SMALL[name][1])


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def layouts() -> SimpleNamespace:
    """The two functions from flags to names and shapes, and ``random_weights``."""
    return SimpleNamespace(openai=openai, ddpm=ddpm, random_weights=random_weights)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Saves anything as a checkpoint."""

    def save(state: object, **options: Any) -> Path:
        torch.save(state, tmp_path / "checkpoint.pt", **options)
        return tmp_path / "checkpoint.pt"

    return save
