"""An animation or a file of several pages, picture by picture, all with the same settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from PIL import Image
from torch import Tensor

from dreamclean.contracts.model import Model
from dreamclean.contracts.planner import Plan, Planner
from dreamclean.contracts.prior import Prior
from dreamclean.method.given import path_of
from dreamclean.method.restoration import Restoration, costing
from dreamclean.pictures.frames import TIMING, frames_of


def several(image: object, max_megapixels: float | None = None) -> list[Image.Image]:
    """The pictures of a file that holds several; none for anything else."""
    return frames_of(path_of(image), max_megapixels) if isinstance(image, Path | str) else []


def restore_frames(
    restore: Callable[[Image.Image, int], Restoration[Any]], stills: Sequence[Image.Image]
) -> Restoration[Any]:
    """``restore(picture, number)`` for each: the result of the first, with all pictures and the cost of all."""
    results = [restore(still, number) for number, still in enumerate(stills)]
    for still, result in zip(stills, results, strict=True):
        result.image.info |= {key: still.info[key] for key in TIMING if key in still.info}
    return replace(
        costing(results[0], results),
        trace=[step for result in results for step in result.trace],
        frames=[result.image for result in results],
    )


class _Once:
    """A planner that is asked for the first picture of each size; what it says holds for the others.

    A plan of its own for each frame would make an animation flicker.
    """

    def __init__(self, planner: Planner) -> None:
        self._planner, self._plans, self._reviewed = planner, dict[Any, Plan](), set[Any]()

    def __call__(self, image: Tensor, info: Mapping[str, Any], prior: Prior, model: Model) -> Plan:
        if image.shape not in self._plans:
            self._plans[image.shape] = self._planner(image, info, prior, model)
        return self._plans[image.shape]

    def review(self, image: Tensor, plan: Plan, result: Tensor, model: Model) -> Plan | None:
        if image.shape in self._reviewed:
            return None
        self._reviewed.add(image.shape)
        revised = self._planner.review(image, plan, result, model)
        self._plans[image.shape] = revised or plan
        return revised


def once(planner: Planner) -> Planner:
    """``planner``, asked for the first picture of each size."""
    return cast(Planner, _Once(planner))
