"""Stable Diffusion XL base."""

from typing import Any

import torch
from torch import Tensor

from dreamclean_latent.family import UNetFamily
from dreamclean_latent.guidance import Conditions, Texts


class StableDiffusionXL(UNetFamily):
    """SDXL base (Podell et al. 2023): two text encoders, the second's pooled output, and the picture's size.

    The size is told as six numbers (h, w, 0, 0, h, w): original size, crop, target size, in pixels.
    """

    pipeline = "StableDiffusionXLPipeline"

    def embed(self, pipe: Any, prompt: str, negative: str | None, device: torch.device) -> Texts:
        text, other, pooled, other_pooled = pipe.encode_prompt(prompt, device=device, negative_prompt=negative)
        names = ("encoder_hidden_states", "text_embeds")
        return Texts(
            dict(zip(names, (text, pooled), strict=True)), dict(zip(names, (other, other_pooled), strict=True))
        )

    def ask(self, network: Any, x: Tensor, t: float, conditions: Conditions, pixels: int) -> Tensor:
        height, width = (side * pixels for side in x.shape[-2:])
        size = torch.tensor([height, width, 0, 0, height, width], dtype=torch.float32, device=x.device)
        added = {"text_embeds": conditions["text_embeds"], "time_ids": size.expand(len(x), 6)}
        hidden = conditions["encoder_hidden_states"]
        output: Tensor = network(x, round(t), encoder_hidden_states=hidden, added_cond_kwargs=added).sample
        return output
