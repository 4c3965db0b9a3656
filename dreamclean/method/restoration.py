"""What a restoration gives back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from dreamclean.builtin.planners.diagnosis.diagnose import Diagnosis
from dreamclean.method.loop import Step
from dreamclean.recipe.recipe import Recipe


@dataclass(frozen=True)
class Restoration:
    """A restored image and how it came about."""

    image: Any
    """As given: a PIL image for a path or a PIL image, a tensor (B, 3, H, W) in [0, 1] for a tensor."""
    nfe: int
    """Evaluations of the prior's network, per image."""
    seconds: float
    """Wall-clock time of the restoration."""
    prior_seconds: float
    """The share of ``seconds`` inside the prior."""
    recipe: Recipe
    """Everything that was set; ``Restorer(recipe=...)`` runs it again."""
    trace: list[Step] = field(default_factory=list)
    """If asked for: the latents after each step, on the CPU."""
    diagnoses: list[Diagnosis] = field(default_factory=list)
    """With ``strength="auto"``: what was found, image by image."""


def joined(parts: Sequence[Restoration], recipe: Recipe) -> Restoration:
    """Restorations of single images (1, 3, H, W) as one of their batch; ``nfe`` is that of the one that took most."""
    return Restoration(
        torch.cat([part.image for part in parts]),
        max(part.nfe for part in parts),
        sum(part.seconds for part in parts),
        sum(part.prior_seconds for part in parts),
        recipe,
        [step for part in parts for step in part.trace],
        [diagnosis for part in parts for diagnosis in part.diagnoses],
    )
