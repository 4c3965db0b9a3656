"""Stable Diffusion 1 and 2."""

from typing import Any

import torch
from torch import Tensor

from dreamclean_latent.family import UNetFamily
from dreamclean_latent.guidance import Conditions, Texts


class StableDiffusion(UNetFamily):
    """Stable Diffusion 1 and 2 (Rombach et al. 2022): one text encoder, read by cross-attention."""

    pipeline = "StableDiffusionPipeline"

    def embed(self, pipe: Any, prompt: str, negative: str | None, device: torch.device) -> Texts:
        embedded = pipe.encode_prompt(prompt, device, 1, True, negative_prompt=negative)
        return Texts(*({"encoder_hidden_states": each} for each in embedded[:2]))

    def ask(self, network: Any, x: Tensor, t: float, conditions: Conditions, pixels: int) -> Tensor:
        output: Tensor = network(x, round(t), **conditions).sample
        return output
