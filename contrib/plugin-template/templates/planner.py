from collections.abc import Mapping
from typing import Any

import dreamclean
import pydantic
import torch


class {{ cookiecutter.__class }}(dreamclean.Planner):
    """{{ cookiecutter.__doc }}"""

    name = "{{ cookiecutter.name }}"
    noise: float = pydantic.Field(default=0.02, ge=0, le=1, description="Noise of a dark picture, [0, 1] scale")

    def __call__(
        self, image: torch.Tensor, info: Mapping[str, Any], prior: dreamclean.Prior, model: dreamclean.Model
    ) -> dreamclean.Plan:
        """What to do with the picture (1, 3, H, W) in [0, 1]: here dark ones are noisy, and the others are left alone."""
        dark = bool(image.mean() < 0.5)
        return dreamclean.Plan({"operator": {"name": "identity", "noise": self.noise}} if dark else None)
