"""Classifier-free guidance (Ho & Salimans 2022)."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Conditions = dict[str, Tensor]
"""What the network is told of the text: tensors (1, ...), by name."""


class Texts(NamedTuple):
    """The prompt and the negative prompt, embedded."""

    prompt: Conditions
    negative: Conditions


def rows(conditions: Conditions, batch: int) -> Conditions:
    """Each condition (1, ...) as (batch, ...)."""
    return {name: value.expand(batch, *value.shape[1:]) for name, value in conditions.items()}


def guided(
    ask: Callable[[Tensor, Conditions], Tensor],
    mix: Callable[[Tensor, Tensor, float], Tensor],
    x: Tensor,
    texts: Texts,
    guidance: float,
) -> Tensor:
    """``mix`` of what the network predicts of the prompt and of the negative prompt, as in diffusers' pipelines.

    1 asks about the prompt alone and 0 about the negative prompt alone; anything else asks about both,
    in one batch of twice the size, or one after the other where the texts differ in length.
    """
    batch = len(x)
    if guidance in (0, 1):
        return ask(x, rows(texts[0 if guidance == 1 else 1], batch))
    both = [rows(conditions, batch) for conditions in texts]
    if any(both[0][name].shape != both[1][name].shape for name in both[0]):
        prompt, negative = (ask(x, conditions) for conditions in both)
        return mix(prompt, negative, guidance)
    conditions = {name: torch.cat([both[1][name], both[0][name]]) for name in both[0]}
    negative, prompt = ask(torch.cat([x, x]), conditions).chunk(2)
    return mix(prompt, negative, guidance)
