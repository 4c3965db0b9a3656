"""The starter prior and the recipes that suit it."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from dreamclean import JPEG, Colorize, Inpaint, LinearOperator, Model, Operator, SeparableOperator
from dreamclean.builtin.priors.diffusers import UNetPrior, load_parts
from dreamclean.method.measured import EIGHT_BIT

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
HIGHEST = 400
"""Steps of the schedule, of 1000, above which a known operator's run does not start."""
SIDE = 96
"""Side in pixels of the picture on which it is tried how much an operator keeps."""

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

    def recipe_for(self, operator: Operator | None) -> dict[str, Any]:
        return BLIND if operator is None else KNOWN | start_for(operator)


def start_for(operator: Operator) -> dict[str, Any]:
    """Where ``KNOWN`` differs for an operator, chosen on photographs held out (docs/decisions, 59)."""
    match operator:
        case SeparableOperator():  # blurs and downsampling: the higher, the less of the picture they leave
            steps: float = KNOWN["strength"] * (0.13 / known_share(operator)) ** 0.4
            return {"strength": round(min(max(steps, KNOWN["strength"]), HIGHEST))}
        case Inpaint(least_eta=1):  # lost pixels strewn among known ones
            return {"strength": 130}
        case Colorize():
            return {"strength": 130, "steps": 6}
        case JPEG():
            return {"strength": 160}
        case _:
            return {}


@lru_cache(maxsize=32)  # a recipe is asked for several times in a run
def known_share(operator: LinearOperator) -> float:
    """The share, 0.001 to 1, of a picture's degrees of freedom that the operator measures, of detail of a standard deviation of 0.1.

    What the projection of white noise of that deviation keeps of it. Noise is at least what rounding to 8 bits makes.
    """
    noisy = operator.model_copy(update={"noise": max(operator.noise, EIGHT_BIT)})
    white = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    y = noisy.degrade(0.5 + 0.1 * white)
    if not y.numel():  # of so few pixels nothing is left
        return 0.001
    grey = torch.full(noisy.image_shape(y), 0.5)
    kept = noisy.project(grey, y, 0.1) - grey
    return min(max(float((kept * white[..., : kept.shape[2], : kept.shape[3]]).mean()) / 0.1, 0.001), 1.0)
