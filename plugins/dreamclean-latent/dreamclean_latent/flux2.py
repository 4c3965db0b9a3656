"""FLUX.2 klein."""

from typing import Any

import torch
from torch import Tensor

from dreamclean_latent.family import FlowFamily
from dreamclean_latent.guidance import Conditions, Texts


class Flux2Klein(FlowFamily):
    """FLUX.2 klein (Black Forest Labs 2026): Qwen3's inner layers as text, and latents of 2 x 2 patches."""

    pipeline = "Flux2KleinPipeline"
    network = "Flux2Transformer2DModel"
    patch = 1

    @property
    def side(self) -> int:
        return 64

    def embed(self, pipe: Any, prompt: str, negative: str | None, device: torch.device) -> Texts:
        one, other = (pipe.encode_prompt(text, device)[0] for text in (prompt, negative or ""))
        return Texts({"encoder_hidden_states": one}, {"encoder_hidden_states": other})

    def ask(self, network: Any, x: Tensor, t: float, conditions: Conditions, pixels: int) -> Tensor:
        height, width = x.shape[-2:]
        output = network(
            x.flatten(2).mT,
            timestep=torch.full((len(x),), t, device=x.device),
            img_ids=_positions(len(x), 1, height, width, 1).to(x.device),
            txt_ids=_positions(len(x), 1, 1, 1, conditions["encoder_hidden_states"].shape[1]).to(x.device),
            **conditions,
        ).sample
        return output.mT.unflatten(2, (height, width))  # type: ignore[no-any-return]


def _positions(batch: int, *counts: int) -> Tensor:
    """Positions (batch, tokens, 4): time, row, column, place in the text."""
    return torch.cartesian_prod(*(torch.arange(n) for n in counts)).expand(batch, -1, -1)
