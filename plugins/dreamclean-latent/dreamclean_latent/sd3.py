"""Stable Diffusion 3 and 3.5."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean_latent.family import FlowFamily
from dreamclean_latent.guidance import Conditions, Texts


class StableDiffusion3(FlowFamily):
    """Stable Diffusion 3 and 3.5 (Esser et al. 2024): two CLIP encoders and T5, which may be left out."""

    pipeline = "StableDiffusion3Pipeline"
    network = "SD3Transformer2DModel"

    def embed(self, pipe: Any, prompt: str, negative: str | None, device: torch.device) -> Texts:
        pipe.transformer = SimpleNamespace(config=SimpleNamespace(**self.config))  # asked for the width of a missing T5
        text, other, pooled, other_pooled = pipe.encode_prompt(
            prompt, None, None, device=device, negative_prompt=negative
        )
        return Texts(
            {"encoder_hidden_states": text, "pooled_projections": pooled},
            {"encoder_hidden_states": other, "pooled_projections": other_pooled},
        )

    def ask(self, network: Any, x: Tensor, t: float, conditions: Conditions, pixels: int) -> Tensor:
        limit = self.config["pos_embed_max_size"] * self.patch
        if max(x.shape[-2:]) > limit:
            raise DreamCleanError(
                f"the prior takes pictures of at most {limit * pixels} pixels a side; give it a smaller one"
            )
        timestep = torch.full((len(x),), 1000 * t, device=x.device)
        output: Tensor = network(x, timestep=timestep, **conditions).sample
        return output
