"""FLUX.1."""

from typing import Any

import torch
from torch import Tensor

from dreamclean_latent.family import FlowFamily
from dreamclean_latent.guidance import Conditions, Texts


def pack(x: Tensor) -> Tensor:
    """Latents (B, C, h, w) as tokens (B, hw/4, 4C), one for each 2 x 2 patch."""
    batch, channels, height, width = x.shape
    patches = x.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return patches.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpack(tokens: Tensor, height: int, width: int) -> Tensor:
    """Tokens (B, hw/4, 4C) as latents (B, C, h, w)."""
    patches = tokens.reshape(len(tokens), height // 2, width // 2, -1, 2, 2)
    return patches.permute(0, 3, 1, 4, 2, 5).reshape(len(tokens), -1, height, width)


def positions(height: int, width: int, device: torch.device) -> Tensor:
    """The tokens' positions (hw/4, 3): 0, row, column."""
    axes = (torch.arange(n, dtype=torch.float32, device=device) for n in (1, height // 2, width // 2))
    return torch.cartesian_prod(*axes)


class Flux(FlowFamily):
    """FLUX.1 (Black Forest Labs 2024), dev and schnell: T5 as text, CLIP's pooled output beside it.

    dev takes the guidance as an input, in one evaluation; schnell has no such input.
    """

    pipeline = "FluxPipeline"
    network = "FluxTransformer2DModel"

    @property
    def channels(self) -> int:
        return int(self.config["in_channels"]) // 4

    @property
    def distilled(self) -> bool:
        return bool(self.config["guidance_embeds"])

    def guide(self, texts: Texts, guidance: float) -> tuple[Texts, float]:
        if not self.distilled:
            return texts, guidance
        told = torch.full((1,), guidance, device=texts.prompt["pooled_projections"].device)
        return texts._replace(prompt={**texts.prompt, "guidance": told}), 1.0

    def embed(self, pipe: Any, prompt: str, negative: str | None, device: torch.device) -> Texts:
        longest = 512 if self.distilled else 256  # of schnell

        def one(text: str) -> Conditions:
            hidden, pooled, _ = pipe.encode_prompt(text, None, device=device, max_sequence_length=longest)
            return {"encoder_hidden_states": hidden, "pooled_projections": pooled}

        return Texts(one(prompt), one(negative or ""))

    def ask(self, network: Any, x: Tensor, t: float, conditions: Conditions, pixels: int) -> Tensor:
        height, width = x.shape[-2:]
        text = conditions["encoder_hidden_states"]
        output = network(
            pack(x),
            timestep=torch.full((len(x),), t, device=x.device),
            img_ids=positions(height, width, x.device),
            txt_ids=torch.zeros(text.shape[1], 3, device=x.device),
            **conditions,
        ).sample
        return unpack(output, height, width)
