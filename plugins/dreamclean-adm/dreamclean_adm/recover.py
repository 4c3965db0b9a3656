"""A network's architecture from the names and shapes of its tensors."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dreamclean import DreamCleanError

State = Mapping[str, Tensor]


def recover(state: State) -> dict[str, Any]:
    """The fields of ``Config`` that the shapes tell; DreamCleanError where the tensors are of neither family."""
    if "input_blocks.0.0.weight" in state:
        return _openai(state)
    if "conv_in.weight" in state:
        return _ddpm(state)
    raise DreamCleanError(
        f"its first tensor is '{next(iter(state), '')}'; a guided-diffusion or improved-diffusion network has "
        "'input_blocks.0.0.weight', a DDPM network 'conv_in.weight'"
    )


def _openai(state: State) -> dict[str, Any]:
    """The way up tells the levels: the last of each but the topmost level's stages doubles the size."""
    stages = _count(state, "output_blocks.{}.0.in_layers.0.weight")
    residual = {i for i in range(stages) for k in (1, 2) if f"output_blocks.{i}.{k}.in_layers.0.weight" in state}
    plain = {i for i in range(stages) for k in (1, 2) if f"output_blocks.{i}.{k}.conv.weight" in state}
    doubling = sorted(residual | plain)
    per_level = doubling[0] + 1 if doubling else stages
    firsts = [per_level * index for index in range(len(doubling) + 1)][::-1]  # of each level, from the picture's own
    channels = tuple(_size(state, f"output_blocks.{first}.0.out_layers.3.weight") for first in firsts)
    return {
        "family": "openai",
        "width": _size(state, "time_embed.0.weight", axis=1),
        "channels": channels,
        "blocks": per_level - 1,
        "attention_levels": tuple(
            i for i, first in enumerate(firsts) if f"output_blocks.{first}.1.qkv.weight" in state
        ),
        "outputs": _size(state, "out.2.weight"),
        "classes": _size(state, "label_emb.weight") if "label_emb.weight" in state else None,
        "scale_shift": _size(state, "middle_block.0.emb_layers.1.weight") == 2 * channels[-1],
        "residual_resampling": bool(residual),
    }


def _ddpm(state: State) -> dict[str, Any]:
    """Here every level has a number of its own."""
    levels = range(_count(state, "down.{}.block.0.conv1.weight"))
    return {
        "family": "ddpm",
        "width": _size(state, "conv_in.weight"),
        "channels": tuple(_size(state, f"down.{level}.block.0.conv1.weight") for level in levels),
        "blocks": _count(state, "down.0.block.{}.conv1.weight"),
        "attention_levels": tuple(level for level in levels if f"down.{level}.attn.0.q.weight" in state),
        "outputs": _size(state, "conv_out.weight"),
        "classes": None,
        "scale_shift": False,
        "residual_resampling": False,
    }


def _count(state: State, pattern: str) -> int:
    """How many of the numbered keys there are; DreamCleanError for none."""
    count = 0
    while pattern.format(count) in state:
        count += 1
    if not count:
        raise DreamCleanError(f"'{pattern.format(0)}' is missing")
    return count


def _size(state: State, key: str, axis: int = 0) -> int:
    """The length of an axis of a tensor; DreamCleanError if there is no such tensor, or no such axis."""
    if key not in state:
        raise DreamCleanError(f"'{key}' is missing")
    if state[key].ndim <= axis:
        raise DreamCleanError(f"'{key}' is {tuple(state[key].shape)}, which has too few axes")
    return int(state[key].shape[axis])
