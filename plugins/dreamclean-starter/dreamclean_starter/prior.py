"""The starter prior and the recipes that suit it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dreamclean import Model
from dreamclean.builtin.priors.diffusers import UNetPrior, load_parts

MODEL = Path(__file__).with_name("model")
"""The model as a diffusers folder: ``DDPMPipeline.from_pretrained(MODEL)`` loads it too."""

BLIND: dict[str, Any] = {
    "planner": "dreamclean/auto",
    # with a strength of the user's own:
    "initializer": "dreamclean/matched-level",
    "corrector": "dreamclean/vps:gamma=0.05,fused=true",
    "sampler": "dreamclean/dpm-solver",
    "steps": 4,
}
KNOWN: dict[str, Any] = {
    "guidance": "dreamclean/none",  # the sampler brings agreement
    "initializer": "dreamclean/forward-noising",
    "corrector": "dreamclean/none",
    "sampler": "dreamclean/soft-ddrm",
    "spacing": "dreamclean/karras:rho=2",
    "strength": 220,
    "steps": 12,
}


class Starter(UNetPrior):
    """A small prior of natural photographs that comes with its package: offline, on a CPU, any size."""

    name = "starter"

    def parts(self) -> tuple[Any, Any]:
        return load_parts(MODEL)

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        """Of no native size: it is convolutional, and looks at textures and edges rather than at whole pictures."""
        model = super().load(device, dtype)
        return replace(model, geometry=model.geometry._replace(native_size=None))

    @property
    def source(self) -> Path:
        """The model's folder."""
        return MODEL

    def recipe_for(self, known_operator: bool) -> dict[str, Any]:
        return KNOWN if known_operator else BLIND
