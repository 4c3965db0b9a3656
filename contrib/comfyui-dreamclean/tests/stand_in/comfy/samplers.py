"""A stand-in for ``comfy.samplers``: a guider that calls a sampler as ComfyUI's does, written for these tests.

The real one converts conditionings, moves the model to its device and applies hooks; this one mixes two answers.
"""

from typing import Any

import torch
from torch import Tensor


class CFGGuider:
    def __init__(self, model_patcher: Any) -> None:
        self.model, self.cfg = model_patcher, 1.0

    def set_conds(self, positive: Any, negative: Any) -> None:
        self.conds = positive, negative

    def set_cfg(self, cfg: float) -> None:
        self.cfg = cfg

    def __call__(self, x: Tensor, timestep: Tensor, model_options: Any = None, seed: int | None = None) -> Tensor:
        positive, negative = (self.model.denoise(x, timestep, cond) for cond in self.conds)
        return negative + (positive - negative) * self.cfg

    def sample(
        self,
        noise: Tensor,
        latent_image: Tensor,
        sampler: Any,
        sigmas: Tensor,
        denoise_mask: Tensor | None = None,
        callback: Any = None,
        disable_pbar: bool = False,
        seed: int | None = None,
    ) -> Tensor:
        extra: dict[str, Any] = {"model_options": {}, "seed": seed}
        samples = sampler.sample(self, sigmas, extra, callback, noise, latent_image, denoise_mask, disable_pbar)
        return self.model.get_model_object("latent_format").process_out(samples.to(torch.float32))
