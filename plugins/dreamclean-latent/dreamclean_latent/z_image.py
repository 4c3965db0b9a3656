"""Z-Image."""

from typing import Any

import torch
from torch import Tensor

from dreamclean_latent.family import FlowFamily
from dreamclean_latent.guidance import Conditions, Texts


class ZImage(FlowFamily):
    """Z-Image and its distilled Turbo (Alibaba 2025): one transformer over text and picture, and Qwen3 as text encoder.

    It is told 1 - t, and predicts x0 - eps. diffusers adds its guidance to what the prompt alone says: 0 there is 1 here.
    """

    float16 = False
    pipeline = "ZImagePipeline"
    network = "ZImageTransformer2DModel"

    def embed(self, pipe: Any, prompt: str, negative: str | None, device: torch.device) -> Texts:
        (one,), (other,) = pipe.encode_prompt([prompt], device, True, [negative or ""])
        return Texts({"text": one[None]}, {"text": other[None]})

    def ask(self, network: Any, x: Tensor, t: float, conditions: Conditions, pixels: int) -> Tensor:
        times = torch.full((len(x),), 1 - t, device=x.device)
        output = network(list(x.unsqueeze(2)), times, list(conditions["text"]), return_dict=False)[0]
        return -torch.stack(list(output)).squeeze(2)
