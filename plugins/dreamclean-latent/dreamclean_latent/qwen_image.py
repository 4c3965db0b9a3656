"""Qwen-Image."""

from typing import Any

import torch
from torch import Tensor
from torch.linalg import vector_norm

from dreamclean_latent.family import FlowFamily
from dreamclean_latent.flux import pack, unpack
from dreamclean_latent.guidance import Conditions, Texts


class QwenImage(FlowFamily):
    """Qwen-Image (Wu et al. 2025): latents of a video autoencoder, of one frame, and Qwen2.5-VL as text encoder."""

    float16 = False
    pipeline = "QwenImagePipeline"
    network = "QwenImageTransformer2DModel"

    @property
    def channels(self) -> int:
        return int(self.config["in_channels"]) // 4

    def embed(self, pipe: Any, prompt: str, negative: str | None, device: torch.device) -> Texts:
        """At most 512 tokens, as in the pipeline; one blank is what its authors use for no negative prompt."""
        texts = (pipe.encode_prompt(text, device, max_sequence_length=512)[0] for text in (prompt, negative or " "))
        return Texts(*({"encoder_hidden_states": each} for each in texts))

    def ask(self, network: Any, x: Tensor, t: float, conditions: Conditions, pixels: int) -> Tensor:
        height, width = x.shape[-2:]
        output = network(
            pack(x),
            timestep=torch.full((len(x),), t, device=x.device),
            img_shapes=[[(1, height // 2, width // 2)]] * len(x),
            **conditions,
        ).sample
        return unpack(output, height, width)

    def mix(self, prompt: Tensor, negative: Tensor, guidance: float) -> Tensor:
        """Scaled to the norm that each 2 x 2 patch has of the prompt alone, as in diffusers' pipeline."""
        mixed = super().mix(prompt, negative, guidance)
        told, made = (vector_norm(pack(v), dim=-1, keepdim=True) for v in (prompt, mixed))
        return unpack(pack(mixed) * (told / made), *mixed.shape[-2:])
