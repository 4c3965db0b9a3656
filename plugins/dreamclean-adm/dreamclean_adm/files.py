"""Reading and writing weights: published files, and folders of safetensors with a config."""

import json
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from dreamclean import DreamCleanError
from dreamclean.contracts.component import validated
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean_adm.config import Config

CONFIG, WEIGHTS = "config.json", "model.safetensors"
"""What a converted folder holds."""


def read(path: Path) -> tuple[dict[str, Tensor], Config | None]:
    """The tensors of a file or a converted folder, and the folder's config.

    A file is a pickled state dict (.pt, .ckpt), read with ``weights_only``, or .safetensors.
    """
    if path.is_dir():
        return _read_safetensors(path / WEIGHTS), _read_config(path / CONFIG)
    if path.suffix == ".safetensors":
        return _read_safetensors(path), None
    if not path.is_file():
        raise DreamCleanError(f"there is no file {path}; give a checkpoint, or the folder it was converted to")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged file the reader may raise anything
        if lacks_memory(error):
            raise
        raise DreamCleanError(f"{path} is not a plain file of weights; a pickle that holds code is not run") from error
    if not isinstance(state, dict):
        raise DreamCleanError(f"{path} holds a {type(state).__name__} in place of a state dict")
    if other := [key for key, value in state.items() if not isinstance(value, Tensor)]:
        raise DreamCleanError(f"{path} holds no state dict: '{other[0]}' is a {type(state[other[0]]).__name__}")
    return state, None


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise DreamCleanError(f"there is no file {path}; give a checkpoint, or the folder it was converted to")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise DreamCleanError(f"{path} is not a safetensors file ({' '.join(str(error).split())[:100]})") from error


def _read_config(path: Path) -> Config:
    try:
        fields = json.loads(path.read_text())
        if not isinstance(fields, dict):
            raise ValueError("it holds no table")
    except (OSError, ValueError) as error:
        raise DreamCleanError(f"no config could be read from {path} ({' '.join(str(error).split())[:100]})") from error
    return validated(Config, str(path), fields)


def check_free(folder: Path) -> None:
    """DreamCleanError where there is something already."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise DreamCleanError(f"{folder} exists; give the name of a new folder")


def write(folder: Path, state: dict[str, Tensor], config: Config) -> None:
    """Write a converted folder where there is none yet, under another name beside it until it is whole."""
    from safetensors.torch import save_file

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        (whole / CONFIG).write_text(config.model_dump_json(indent=2, exclude_none=True) + "\n")
        save_file({key: tensor.contiguous() for key, tensor in state.items()}, whole / WEIGHTS)
        os.replace(whole, folder)
