"""Models in one safetensors file: in the original layout, and a network alone."""

import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import torch
from dreamclean_latent.prior import Latent
from dreamclean_latent.source import inferred_config
from safetensors.torch import load_file, save_file
from torch import Tensor

from dreamclean import DreamCleanError
from dreamclean.testing.component import pictures

Weights = dict[str, Tensor]
CROSS = "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"

RENAMED = {  # diffusers' names of a tiny Stable Diffusion 1 to those of the original code, one pattern after another
    "unet": [
        (r"^conv_in", "input_blocks.0.0"),
        (r"^conv_norm_out", "out.0"),
        (r"^conv_out", "out.2"),
        (r"^time_embedding.linear_1", "time_embed.0"),
        (r"^time_embedding.linear_2", "time_embed.2"),
        (r"^down_blocks.0.resnets.0", "input_blocks.1.0"),
        (r"^down_blocks.0.downsamplers.0.conv", "input_blocks.2.0.op"),
        (r"^down_blocks.1.resnets.0", "input_blocks.3.0"),
        (r"^down_blocks.1.attentions.0", "input_blocks.3.1"),
        (r"^mid_block.resnets.0", "middle_block.0"),
        (r"^mid_block.attentions.0", "middle_block.1"),
        (r"^mid_block.resnets.1", "middle_block.2"),
        (r"^up_blocks.0.resnets.(\d)", r"output_blocks.\1.0"),
        (r"^up_blocks.0.attentions.(\d)", r"output_blocks.\1.1"),
        (r"^up_blocks.0.upsamplers.0", "output_blocks.1.2"),
        (r"^up_blocks.1.resnets.0", "output_blocks.2.0"),
        (r"^up_blocks.1.resnets.1", "output_blocks.3.0"),
        (r"(blocks?\.\d\.0|middle_block\.\d)\.norm1", r"\1.in_layers.0"),
        (r"\.conv1", ".in_layers.2"),
        (r"\.time_emb_proj", ".emb_layers.1"),
        (r"(blocks?\.\d\.0|middle_block\.\d)\.norm2", r"\1.out_layers.0"),
        (r"\.conv2", ".out_layers.3"),
        (r"\.conv_shortcut", ".skip_connection"),
        (r"^", "model.diffusion_model."),
    ],
    "vae": [
        (r"down_blocks.(\d).downsamplers.0", r"down.\1.downsample"),
        (r"down_blocks.(\d).resnets", r"down.\1.block"),
        (r"up_blocks.0.upsamplers.0", "up.1.upsample"),
        (r"up_blocks.0.resnets", "up.1.block"),
        (r"up_blocks.1.resnets", "up.0.block"),
        (r"mid_block.resnets.0", "mid.block_1"),
        (r"mid_block.resnets.1", "mid.block_2"),
        (r"mid_block.attentions.0", "mid.attn_1"),
        (r"group_norm", "norm"),
        (r"to_([qkv])\.", r"\1."),
        (r"to_out.0", "proj_out"),
        (r"conv_norm_out", "norm_out"),
        (r"^", "first_stage_model."),
    ],
    "text_encoder": [(r"^(text_model\.)?", "cond_stage_model.transformer.text_model.")],
}


def original(folder: Path) -> Weights:
    """The weights of a tiny Stable Diffusion 1 in the layout of the original code."""
    weights: Weights = {}
    for part, patterns in RENAMED.items():
        (file,) = (folder / part).glob("*.safetensors")
        for name, value in load_file(file).items():
            weights[reduce(lambda name, change: re.sub(*change, name, count=1), patterns, name)] = value
    return weights


def networks(prior: Latent, dtype: torch.dtype = torch.float32) -> Any:
    """The model of ``prior`` on the CPU: what encodes, decodes and predicts."""
    return prior.load(torch.device("cpu"), dtype).codec


def test_single_file_of_the_original_layout(make, tiny, tmp_path):
    """All three parts are the file's: the folder of configs holds no weights."""
    folder, file, plain = (
        make("sd1", tmp_path),
        tmp_path / "v1.safetensors",
        networks(Latent(path=str(tiny("sd1")), prompt="a cat")),
    )
    save_file(original(folder), file)
    for weights in folder.glob("*/*.safetensors"):
        weights.unlink()
    prior, image = networks(Latent(path=str(file), config=str(folder), prompt="a cat")), pictures((12, 16))
    level = prior.model.family.schedule.at(300)
    with torch.no_grad():
        x = plain.encode(image)
        torch.testing.assert_close(prior.encode(image), x, rtol=0, atol=1e-6)
        torch.testing.assert_close(prior.predict(x, level), plain.predict(x, level), rtol=0, atol=1e-6)
        torch.testing.assert_close(prior.decode(x), plain.decode(x), rtol=0, atol=1e-6)


def test_single_file_guesses_configs_from_the_weights(tmp_path):
    """Names and shapes of the real models, of which a file of a few bytes is made."""
    for name, shape, expected in (
        (CROSS, (1, 768), "stable-diffusion-v1-5"),
        ("conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias", (1,), "stable-diffusion-xl-base-1.0"),
        ("double_blocks.0.img_attn.norm.key_norm.scale", (1,), "FLUX.1-"),
    ):
        save_file({name: torch.zeros(shape), "other": torch.zeros(1)}, tmp_path / "real.safetensors")
        assert expected in inferred_config(str(tmp_path / "real.safetensors"))


@pytest.mark.parametrize("keys", [{"v_pred": (1,)}, {CROSS: (1, 1024)}, {CROSS: (1, 768), "ztsnr": (1,)}])
def test_single_file_that_leaves_open_what_it_predicts_asks_for_its_config(tmp_path, keys):
    xl = "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias"
    shapes = keys if CROSS in keys else {xl: (1,), **keys}
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / "real.safetensors")
    with pytest.raises(
        DreamCleanError, match="predict noise or v, and the file does not say which; give config=FOLDER"
    ):
        Latent(path=str(tmp_path / "real.safetensors")).configured()


@pytest.mark.parametrize("accelerated", [False, True])
def test_single_file_without_a_network_is_refused(tiny, tmp_path, monkeypatch, accelerated):
    """And not restored with the network that lies beside the configs."""
    monkeypatch.setattr("dreamclean_latent.loading.fast_loading", lambda: accelerated)
    save_file({"lora.weight": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(DreamCleanError, match="the weights of a UNet2DConditionModel are not in it"):
        _ = networks(Latent(path=str(tmp_path / "other.safetensors"), config=str(tiny("sd1")))).loaded


def test_single_file_without_its_configs_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    save_file({"other": torch.zeros(1)}, tmp_path / "real.safetensors")
    with pytest.raises(DreamCleanError, match="give config=FOLDER") as caught:
        Latent(path=str(tmp_path / "real.safetensors")).configured()
    assert "\n" not in str(caught.value)


def single(folder: Path, target: Path, part: str, prefix: str = "") -> Path:
    """The weights of one part as a single file, all plus 0.01 so that they are told from the folder's."""
    weights = load_file(folder / part / "diffusion_pytorch_model.safetensors")
    save_file({prefix + key: value + 0.01 for key, value in weights.items()}, target / "single.safetensors")
    return target / "single.safetensors"


def test_single_file_that_diffusers_reads_no_network_from_is_refused(tiny, tmp_path):
    folder = tiny("pixart")
    with pytest.raises(DreamCleanError, match="reads no PixArtTransformer2DModel from a single file; give a diffusers"):
        _ = networks(Latent(path=str(single(folder, tmp_path, "transformer")), config=str(folder))).loaded


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("flux", "transformer"),
        ("sd3", "transformer"),
        ("sdxl", "unet"),
        ("qwen", "transformer"),
        ("z-image", "transformer"),
        ("klein", "transformer"),
        ("sana", "transformer"),
    ],
)
def test_single_file_with_the_network_alone(tiny, tmp_path, name, part):
    """The network is the file's; what the file lacks comes from the folder of configs."""
    folder = tiny(name)
    mixed = networks(Latent(path=str(single(folder, tmp_path, part)), config=str(folder)))
    plain = networks(Latent(path=str(folder)))
    pairs = zip(mixed.loaded.network.parameters(), plain.loaded.network.parameters(), strict=True)
    assert all(torch.allclose(new, old + 0.01, rtol=0, atol=1e-6) for new, old in pairs)
    image = pictures((8, 8))
    torch.testing.assert_close(mixed.encode(image), plain.encode(image))
    for key, value in plain.loaded.texts.prompt.items():
        assert torch.equal(mixed.loaded.texts.prompt[key], value)
