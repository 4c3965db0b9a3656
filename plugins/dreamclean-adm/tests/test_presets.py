"""The presets against the published flags, and against what is published of the networks' sizes."""

import re
from pathlib import Path

import pytest
import torch
from dreamclean_adm.config import SHAPED
from dreamclean_adm.loading import build
from dreamclean_adm.presets import PRESETS
from dreamclean_adm.recover import recover

SIX = (1, 1, 2, 2, 4, 4)
ALL = (32, 16, 8)
GUIDED = dict(num_res_blocks=2, attention_resolutions=ALL, resblock_updown=True)
FLAGS = {  # the MODEL_FLAGS of the projects' READMEs; channel_mult is what their code makes of image_size
    "guided-64": {**GUIDED, "image_size": 64, "num_channels": 192, "channel_mult": (1, 2, 3, 4)}
    | {"num_res_blocks": 3, "num_classes": 1000},
    "guided-128": {**GUIDED, "image_size": 128, "num_channels": 256, "channel_mult": (1, 1, 2, 3, 4)}
    | {"num_classes": 1000},
    "guided-256": {**GUIDED, "image_size": 256, "num_channels": 256, "channel_mult": SIX, "num_classes": 1000},
    "guided-256-uncond": {**GUIDED, "image_size": 256, "num_channels": 256, "channel_mult": SIX},
    "guided-512": {**GUIDED, "image_size": 512, "num_channels": 256, "channel_mult": (0.5, *SIX), "num_classes": 1000},
    "p2-256": {**GUIDED, "image_size": 256, "num_channels": 128, "channel_mult": SIX}
    | {"num_res_blocks": 1, "attention_resolutions": (16,)},
    "improved-cifar10": dict(image_size=32, num_channels=128, num_res_blocks=3, channel_mult=(1, 2, 2, 2))
    | dict(attention_resolutions=(16, 8)),
    "improved-64": dict(image_size=64, num_channels=128, num_res_blocks=3, channel_mult=(1, 2, 3, 4))
    | dict(attention_resolutions=(16, 8)),
    "improved-64-cond": dict(image_size=64, num_channels=192, num_res_blocks=3, channel_mult=(1, 2, 3, 4))
    | dict(attention_resolutions=(16, 8), num_classes=1000),
    "improved-lsun": dict(image_size=256, num_channels=128, num_res_blocks=2, channel_mult=SIX)
    | dict(attention_resolutions=(16,), use_scale_shift_norm=False),
    "ddpm-cifar10": dict(resolution=32, ch=128, ch_mult=(1, 2, 2, 2), num_res_blocks=2, attn_resolutions=(16,)),
    "ddpm-256": dict(resolution=256, ch=128, ch_mult=SIX, num_res_blocks=2, attn_resolutions=(16,)),
}
MILLIONS = {  # Dhariwal & Nichol 2021, hyperparameters in the appendix; P2's README and improved-diffusion's
    "guided-64": (296, 1),
    "guided-128": (422, 1),
    "guided-256": (554, 1),
    "guided-256-uncond": (552, 1),
    "guided-512": (559, 1),
    "p2-256": (93, 1),
    "improved-64-cond": (270, 5),
}
"""Published numbers of parameters, and to what they are rounded."""
EXACT = {"ddpm-cifar10": 35_746_307, "ddpm-256": 113_673_219}
"""Counted in DDPM's TensorFlow checkpoints."""

NAMES = pytest.mark.parametrize("name", PRESETS)


@pytest.fixture
def shapes(layouts, name):
    return (layouts.ddpm if name.startswith("ddpm") else layouts.openai)(**FLAGS[name])


@NAMES
def test_presets_have_the_names_and_shapes_of_the_published_files(shapes, name):
    state = build(PRESETS[name].config).state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == shapes


@NAMES
def test_presets_are_recovered_from_the_shapes(shapes, name):
    with torch.device("meta"):
        state = {key: torch.empty(shape) for key, shape in shapes.items()}
    assert recover(state) == PRESETS[name].config.model_dump(include=set(SHAPED))


def test_presets_have_no_two_with_the_same_shapes():
    shaped = [preset.config.model_dump(include=set(SHAPED)) for preset in PRESETS.values()]
    assert all(one != other for index, one in enumerate(shaped) for other in shaped[:index])


@pytest.mark.parametrize("name", [*MILLIONS, *EXACT])
def test_presets_have_the_published_number_of_parameters(name):
    count = sum(tensor.numel() for tensor in build(PRESETS[name].config).parameters())
    if name in EXACT:
        assert count == EXACT[name]
    else:
        published, rounding = MILLIONS[name]
        assert abs(count / 1e6 - published) < rounding


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "guided-64": (None, 64, "new", "cosine", 1000, False, 64),
        "guided-128": (4, None, "legacy", "linear", 1000, False, 128),
        "guided-256": (None, 64, "legacy", "linear", 1000, False, 256),
        "guided-256-uncond": (None, 64, "legacy", "linear", 1000, False, 256),
        "guided-512": (None, 64, "legacy", "linear", 1000, False, 512),
        "p2-256": (None, 64, "legacy", "linear", 1000, False, 256),
        "improved-cifar10": (4, None, "legacy", "cosine", 4000, True, 32),
        "improved-64": (4, None, "legacy", "cosine", 4000, True, 64),
        "improved-64-cond": (4, None, "legacy", "cosine", 4000, False, 64),
        "improved-lsun": (1, None, "legacy", "linear", 1000, False, 256),
        "ddpm-cifar10": (1, None, "legacy", "linear", 1000, False, 32),
        "ddpm-256": (1, None, "legacy", "linear", 1000, False, 256),
    }.items(),
)
def test_presets_know_what_the_shapes_do_not_tell(name, expected):
    """num_heads, num_head_channels, use_new_attention_order, noise_schedule, diffusion_steps, rescale_timesteps."""
    config = PRESETS[name].config
    heads = config.heads, config.head_width
    assert (*heads, config.attention_order, config.betas, config.timesteps, config.rescale_timesteps) == expected[:6]
    assert config.size == expected[6]


def test_presets_are_the_table_of_the_readme():
    """Preset, files, project, size and parameters."""
    table = (Path(__file__).parents[1] / "README.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| (.+) \| (.+) \| (\d+) \| ([\d.]+) \|", table, re.MULTILINE)
    assert [row[0] for row in rows] == list(PRESETS)
    for name, files, source, size, millions in rows:
        config, project, published = PRESETS[name]
        assert (files.replace("`", ""), source, int(size)) == (published, project, config.size)
        count = sum(tensor.numel() for tensor in build(config).parameters())
        assert millions == f"{count / 1e6:.1f}"
