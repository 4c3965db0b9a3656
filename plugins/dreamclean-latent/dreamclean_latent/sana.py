"""Sana."""

import inspect
from typing import Any

import torch
from torch import Tensor

from dreamclean_latent.family import FlowFamily
from dreamclean_latent.guidance import Conditions, Texts
from dreamclean_latent.pixart import masked


class Sana(FlowFamily):
    """Sana (Xie et al. 2024): a linear transformer on the latents of a deep-compression autoencoder, and Gemma.

    The prompt is led by the pipeline's own "complex human instruction", as in diffusers.
    """

    float16 = False
    pipeline = "SanaPipeline"
    network = "SanaTransformer2DModel"
    patch = 1

    def embed(self, pipe: Any, prompt: str, negative: str | None, device: torch.device) -> Texts:
        instruction = inspect.signature(type(pipe).__call__).parameters["complex_human_instruction"].default
        told: dict[str, Any] = dict(device=device, complex_human_instruction=instruction)
        return masked(pipe.encode_prompt(prompt, True, negative or "", **told))

    def ask(self, network: Any, x: Tensor, t: float, conditions: Conditions, pixels: int) -> Tensor:
        scale = 1000 * float(self.config.get("timestep_scale", 1.0))
        output: Tensor = network(x, timestep=torch.full((len(x),), scale * t, device=x.device), **conditions).sample
        return output[:, : self.channels]
