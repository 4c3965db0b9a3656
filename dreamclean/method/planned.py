"""A restoration as a planner says, revised once where its review says so."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from dreamclean.contracts.errors import Refusal
from dreamclean.contracts.model import Model
from dreamclean.contracts.planner import Plan, Planner
from dreamclean.contracts.prior import Prior
from dreamclean.method.evaluator import Evaluator
from dreamclean.method.restoration import Restoration, costing
from dreamclean.recipe.recipe import Recipe

Follow = Callable[[Plan], Restoration[Tensor]]
"""The result of a plan with a recipe."""


def planned(
    planner: Planner,
    prior: Prior,
    image: Tensor,
    info: Mapping[str, Any],
    own: Recipe,
    evaluator: Callable[[], Evaluator],
    follow: Follow,
) -> Restoration[Tensor]:
    """One ``image`` (1, 3, H, W). ``own``: the recipe of an image that is left as it is; ``evaluator``: a new counter."""
    plan, looked = _asked(image, own, evaluator(), lambda model: planner(image, info, prior, model))
    assert plan is not None
    if plan.refusal:
        raise Refusal(plan.refusal)
    made = _followed(plan, looked, follow)
    if plan.recipe is None:
        return made
    revised, again = _asked(image, own, evaluator(), lambda model: planner.review(image, plan, made.image, model))
    if revised is None:
        return costing(made, (made, again))
    return _followed(revised, costing(replace(again, reports=made.reports), (made, again)), follow)


def _asked(
    image: Tensor, own: Recipe, evaluator: Evaluator, ask: Callable[[Model], Plan | None]
) -> tuple[Plan | None, Restoration[Tensor]]:
    """What a planner answers, and the image as it is with what the answer has cost."""
    began = time.perf_counter()
    plan = ask(evaluator.model)
    return plan, Restoration(image, evaluator.nfe, time.perf_counter() - began, evaluator.seconds, own)


def _followed(plan: Plan, looked: Restoration[Tensor], follow: Follow) -> Restoration[Tensor]:
    looked = replace(looked, reports=[plan.report] if plan.report else looked.reports)
    if plan.recipe is None:
        return looked
    made = follow(plan)
    return costing(replace(made, reports=looked.reports), (made, looked))
