"""The starter prior and the recipes that suit it."""

from pathlib import Path
from typing import Any, ClassVar

from dreamclean.priors.diffusers import UNetPrior, load_parts

MODEL = Path(__file__).with_name("model")
"""The model as a diffusers folder: ``DDPMPipeline.from_pretrained(MODEL)`` loads it too."""

BLIND: dict[str, Any] = {
    "initializer": "matched-level",
    "corrector": "vps:gamma=0.1,fused=true",
    "sampler": "ddim",
    "strength": 60,
    "steps": 6,
}
KNOWN: dict[str, Any] = {
    "initializer": "forward-noising",
    "corrector": "vps:gamma=0.8,fused=true",
    "sampler": "ddim",
    "strength": 160,
    "steps": 16,
}


class Starter(UNetPrior):
    """A small prior of natural photographs that comes with its package: offline, on a CPU, any size."""

    name = "starter"
    is_default: ClassVar[bool] = True

    def parts(self) -> tuple[Any, Any]:
        return load_parts(MODEL)

    def recommended(self, known_operator: bool) -> dict[str, Any]:
        return KNOWN if known_operator else BLIND
