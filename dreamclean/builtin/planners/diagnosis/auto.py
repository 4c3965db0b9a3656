"""``strength="auto"``: every image is diagnosed, and treated as it needs."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.diagnose import diagnose_image
from dreamclean.builtin.planners.diagnosis.rule import CANNOT_TELL, UNKNOWN
from dreamclean.builtin.planners.diagnosis.treatment import treatment
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.method.evaluator import Evaluator
from dreamclean.method.restoration import Restoration, joined

if TYPE_CHECKING:
    from dreamclean.restorer import Listener, Restorer


class CannotTell(DreamCleanError):
    """What a picture needs cannot be told by this prior."""

    def __init__(self) -> None:
        super().__init__(
            f"{CANNOT_TELL}; give --strength or an operator, or make a calibration: dreamclean calibrate PRIOR PHOTOS"
        )


def restore_auto(
    restorer: "Restorer", images: Tensor, seeds: Sequence[int], first: int, trace: bool, on_step: "Listener | None"
) -> Restoration:
    """Each of ``images`` (B, 3, H, W) by a recipe of its own; ``nfe`` is that of the image that took most.

    CannotTell for an image whose needs the prior cannot tell.
    """
    parts = [
        _one(restorer, image[None], seed, first + index, trace, on_step)
        for index, (image, seed) in enumerate(zip(images, seeds, strict=True))
    ]
    if len(parts) == 1:
        return parts[0]
    return joined(parts, restorer.recipe.model_copy(update={"seed": seeds[0]}))


def _one(
    restorer: "Restorer", image: Tensor, seed: int, number: int, trace: bool, on_step: "Listener | None"
) -> Restoration:
    began, estimate = time.perf_counter(), Evaluator(restorer.prior)
    diagnosis = diagnose_image(image, restorer.prior, estimate)
    if diagnosis.family == UNKNOWN:
        raise CannotTell
    seconds = time.perf_counter() - began
    recipe = treatment(diagnosis, restorer.prior.schedule, restorer.recipe.detail)
    if recipe is None:
        recipe = restorer.recipe.model_copy(update={"seed": seed})
        return Restoration(image, estimate.nfe, seconds, estimate.seconds, recipe, [], [diagnosis])
    treated, count = restorer.with_recipe(recipe), restorer.recipe.samples or 1
    results = [treated.restore_one(image, (seed + k) % 2**63, number, trace, on_step) for k in range(count)]
    return replace(
        results[0],
        image=results[0].image if count == 1 else torch.stack([result.image for result in results]).mean(0),
        nfe=sum(result.nfe for result in results) + estimate.nfe,
        seconds=sum(result.seconds for result in results) + seconds,
        prior_seconds=sum(result.prior_seconds for result in results) + estimate.seconds,
        recipe=results[0].recipe if count == 1 else restorer.recipe.model_copy(update={"seed": seed}),
        diagnoses=[diagnosis],
    )
