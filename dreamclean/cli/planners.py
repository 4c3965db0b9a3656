"""Planners on the command line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamclean.contracts.component import parse_spec
from dreamclean.contracts.errors import DreamCleanError, InvalidSetting

if TYPE_CHECKING:
    from dreamclean.contracts.planner import Plan, Report

HELP = {"planner": "How each picture's recipe is chosen, e.g. auto:detail=0, or fixed."}
"""Where more can be said than the list of settings knows."""
SHORTCUTS: dict[str, Any] = {
    "detail": Annotated[
        float | None,
        typer.Option(min=0, max=1, help="0 most faithful (highest PSNR), 1 crispest, the default for noise."),
    ],
    "tone": Annotated[
        str | None,
        typer.Option(
            help="Also undo fading (faded) or haze (haze), which a picture does not show by itself. Not beside an operator.",
            show_default=False,
        ),
    ],
}
"""Options for settings of components."""
ENLARGE: dict[str, Any] = {
    "enlarge": Annotated[
        int | None,
        typer.Option(
            min=2,
            max=16,
            help="Enlarge a small picture N times; the same as --operator downsample:factor=N,method=bicubic.",
        ),
    ],
}
"""The option for an operator that people ask for by another name."""


def with_shortcuts(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a ``Restorer``, with the shortcuts in the place that they are for.

    ``detail`` is the sampler's beside an operator or a mask, otherwise a planner's: of the one that looks at pictures,
    unless another is named. ``tone`` is always a planner's. InvalidSetting for ``tone`` beside an operator, for
    ``detail`` beside an operator and a sampler, corrector or guidance, and for both beside a strength.
    """
    rest = {name: value for name, value in settings.items() if name not in SHORTCUTS}
    given = {name: settings[name] for name in SHORTCUTS if settings.get(name) is not None}
    if not given:
        return rest
    from dreamclean.method.given import recipe_of
    from dreamclean.recipe.recipe import FIXED

    recipe = recipe_of(rest.get("recipe"))
    if (operator := rest.get("operator") or recipe.operator) is not None or rest.get("mask") is not None:
        if "tone" in given:
            raise InvalidSetting(
                "--tone is for blind restoration; beside an operator say it as one, in the order of what happened: "
                "--operator 'faded:black=0.2,white=0.9 | ...'"
            )
        return rest | _crispness(operator, given["detail"], rest)
    if rest.get("strength") not in (None, "auto") or recipe.strength is not None:
        raise InvalidSetting(
            f"--{next(iter(given))} is for pictures that are diagnosed, and a strength is given; give one of the two"
        )
    before = recipe.planner or FIXED
    if before == FIXED:  # nobody chose one
        before = "auto"
    name, own = parse_spec(rest.get("planner") or before)
    return rest | {"planner": {"name": name, **own, **given}}


def _crispness(operator: Any, detail: float, rest: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that ``detail`` chooses beside ``operator`` and the mask; InvalidSetting where ``rest`` has one of them."""
    from dreamclean.builtin.planners.diagnosis.treatment import crispness
    from dreamclean.host.host import host
    from dreamclean.method.marks import with_mask

    plugins = rest.get("plugins") or host()
    known = with_mask(plugins.make("operator", operator) if operator else None, rest.get("mask"), plugins)
    assert known is not None
    fields = crispness(known, detail)
    if said := [name for name in fields if rest.get(name) is not None]:
        raise InvalidSetting(f"--detail chooses the {said[0]} beside an operator; give either --detail or --{said[0]}")
    return dict(fields)


def reported(plan: "Plan") -> "Report":
    """What the planner found. DreamCleanError for one that looks at nothing."""
    if plan.report is None:
        raise DreamCleanError("this planner does not look at pictures; choose another with --planner")
    return plan.report
