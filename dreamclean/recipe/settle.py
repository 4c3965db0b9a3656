"""What fills in a recipe where the user is silent: presets, the choice of a planner, the prior, the paper."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dreamclean.contracts.levels import DDPMSchedule, Schedule
from dreamclean.recipe.layers import USER, Layers, source_of
from dreamclean.recipe.recipe import FIXED, Recipe, make_recipe

if TYPE_CHECKING:
    from dreamclean.contracts.operator import Operator
    from dreamclean.contracts.prior import Prior

MOVES = ("initializer", "corrector", "sampler")


def paper(known_operator: bool, schedule: Schedule) -> Recipe:
    """The paper's settings: strength 300 of T = 1000 in steps of 10, gamma = 0.05, M = 1.

    90 evaluations blind, 60 with a known operator. A model without a thousand timesteps starts at the same
    noise-to-signal ratio.
    """
    thousand = isinstance(schedule, DDPMSchedule) and 900 < schedule.highest < 1000
    return make_recipe(
        guidance="dreamclean/projection" if known_operator else None,
        initializer="dreamclean/forward-noising" if known_operator else "dreamclean/ddim-inversion",
        corrector="dreamclean/vps:gamma=0.05,repeats=1",
        sampler="dreamclean/ddim",
        path="dreamclean/descent",
        spacing=schedule.usual,
        strength=300 if thousand else f"nsr:{DDPMSchedule.linear().at(300).ratio:.4f}",
        steps=30,
    )


PRESETS = {"paper": paper}
"""Named presets, functions of whether the operator is known and of the prior's noise levels."""


def with_preset(said: Layers, preset: str, schedule: Schedule, known_operator: bool, planned: bool) -> Layers:
    """``said`` over a preset, which has no strength where every picture is ``planned`` as the user says."""
    named = PRESETS[preset](known_operator, schedule)
    return said.over(f"preset {preset}", named.model_copy(update={"strength": None}) if planned else named)


def with_planner(said: Layers, prior: "Prior", operator: "Operator | None", planner: Callable[[], str]) -> Layers:
    """``said`` over the planner that it implies.

    A preset, a strength, or an operator: the recipe is fixed. Else the prior's planner, or, in pixel space where neither
    it nor the user says anything of how to restore, ``planner()``.
    """
    if operator is not None or said.recipe.strength is not None:
        cause = "strength" if operator is None else "operator" if said.source("operator") else "mask"
        return said.over(f"{said.source(cause) or USER} ({cause})", Recipe(planner=FIXED))
    if said.recipe.planner is not None:
        return said
    wanted = recommended(prior, operator)
    if wanted.planner:
        return said.over(source_of(prior), Recipe(planner=wanted.planner))
    silent = wanted == Recipe() and not any(getattr(said.recipe, name) for name in (*MOVES, "steps"))
    if silent and prior.space == "pixel":
        return said.over("default", make_recipe(planner=planner()))
    return said.over("paper", Recipe(planner=FIXED))


def with_operator(said: Layers, operator: "Operator", prior: "Prior", schedule: Schedule, pixel_scale: float) -> Layers:
    """``said`` over the recipe of the operator, unless another start or guidance is said, or the prior's space is latent."""
    if prior.space != "pixel" or any(getattr(said.recipe, name) for name in ("initializer", "strength", "guidance")):
        return said
    return said.over(source_of(operator), make_recipe(**operator.recipe_for(schedule, pixel_scale)))


def with_rest(said: Layers, prior: "Prior", schedule: Schedule, operator: "Operator | None") -> Layers:
    """``said`` over what the prior recommends, over the paper. Its guidance goes with its sampler: if another is said, neither counts."""
    wanted = recommended(prior, operator)
    if wanted.sampler and said.recipe.sampler and _short(said.recipe.sampler) != _short(wanted.sampler):
        wanted = wanted.model_copy(update={"guidance": None})
    said = said.over(source_of(prior), wanted)
    return said.over("paper", paper(operator is not None, schedule))


def _short(config: dict[str, Any]) -> str:
    """The name of a component, without its package's."""
    return str(config["name"]).rpartition("/")[2]


def recommended(prior: "Prior", operator: "Operator | None") -> Recipe:
    """The recipe that suits the prior."""
    return make_recipe(**prior.recipe_for(operator))
