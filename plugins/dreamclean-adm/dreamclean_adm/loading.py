"""From a file to a network and what is known of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dreamclean import DreamCleanError
from dreamclean.contracts.component import validated
from dreamclean_adm.config import SHAPED, Config
from dreamclean_adm.ddpm import DDPMUNet
from dreamclean_adm.files import read
from dreamclean_adm.openai import OpenAIUNet
from dreamclean_adm.presets import PRESETS, find
from dreamclean_adm.recover import recover


def load(
    path: Path, preset: str | None = None, given: Mapping[str, Any] | None = None
) -> tuple[Config, OpenAIUNet | DDPMUNet]:
    """The config and network of a file or folder, in float32 on the CPU.

    What ``given`` says goes before the preset and the folder's config. DreamCleanError where the file does
    not fit, with the first tensor that differs.
    """
    state, config = read(path)
    try:
        known = find(preset).config if preset else config
        config = _settled(known.model_dump() if known else _recognised(recover(state)), given or {})
        network = build(config)
        if difference := _first_difference(state, network.state_dict()):
            raise DreamCleanError(difference)
    except DreamCleanError as error:
        raise DreamCleanError(f"{path} does not fit {f'preset {preset}' if preset else 'adm'}: {error}") from error
    network.load_state_dict(state, strict=True, assign=True)
    return config, network.float().eval().requires_grad_(False)


def _recognised(shaped: dict[str, Any]) -> dict[str, Any]:
    """The fields of the preset with these shapes; where there is none, guided-diffusion's usual settings."""
    for preset in PRESETS.values():
        if preset.config.model_dump(include=set(SHAPED)) == shaped:
            return preset.config.model_dump()
    heads: dict[str, Any] = {"heads": 1} if shaped["family"] == "ddpm" else {"head_width": 64}
    return {**shaped, **heads}


def _settled(fields: dict[str, Any], given: Mapping[str, Any]) -> Config:
    """The config with what is given in place of what is known; heads and head_width replace each other."""
    if {"heads", "head_width"} & given.keys():
        fields = {**fields, "heads": None, "head_width": None}
    return validated(Config, "settings", {**fields, **given})


def build(config: Config) -> OpenAIUNet | DDPMUNet:
    """The network, on the meta device: without weights."""
    with torch.device("meta"):
        return OpenAIUNet(config) if config.family == "openai" else DDPMUNet(config)


def _first_difference(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """What the first tensor is that differs, and how; empty if all are as wanted."""
    for key, tensor in wanted.items():
        if key not in found:
            return f"'{key}' is missing"
        if found[key].shape != tensor.shape:
            return f"'{key}' is {tuple(found[key].shape)}, not {tuple(tensor.shape)}"
    return next((f"'{key}' is not of it" for key in found if key not in wanted), "")
