"""PixArt-Sigma."""

from typing import Any

import torch
from torch import Tensor

from dreamclean_latent.family import UNetFamily
from dreamclean_latent.guidance import Conditions, Texts


def masked(embedded: tuple[Tensor, Tensor, Tensor, Tensor]) -> Texts:
    """A pipeline's prompt, its mask, negative prompt and its mask as what a transformer is told."""
    names = ("encoder_hidden_states", "encoder_attention_mask")
    return Texts(*(dict(zip(names, embedded[k : k + 2], strict=True)) for k in (0, 2)))


class PixArtSigma(UNetFamily):
    """PixArt-Sigma (Chen et al. 2024): a transformer with betas, which also learns its variance, and T5."""

    pipeline = "PixArtSigmaPipeline"
    network, folder = "PixArtTransformer2DModel", "transformer"
    patch = 2

    def embed(self, pipe: Any, prompt: str, negative: str | None, device: torch.device) -> Texts:
        return masked(pipe.encode_prompt(prompt, True, negative or "", device=device))

    def ask(self, network: Any, x: Tensor, t: float, conditions: Conditions, pixels: int) -> Tensor:
        micro = {"resolution": None, "aspect_ratio": None}  # of PixArt-Alpha
        timestep = torch.full((len(x),), round(t), device=x.device)
        output: Tensor = network(x, timestep=timestep, added_cond_kwargs=micro, **conditions).sample
        return output[:, : self.channels]
