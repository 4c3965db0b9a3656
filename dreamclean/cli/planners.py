"""Planners on the command line."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamclean.contracts.component import parse_spec
from dreamclean.contracts.errors import DreamCleanError

if TYPE_CHECKING:
    from dreamclean.contracts.planner import Plan, Report

HELP = {"planner": "How each picture's recipe is chosen, e.g. auto:detail=0, or fixed."}
"""Where more can be said than the list of settings knows."""
SHORTCUTS: dict[str, Any] = {
    "detail": Annotated[
        float | None,
        typer.Option(min=0, max=1, help="For the planner: 0 most faithful (highest PSNR), 1 crispest, the default."),
    ],
    "samples": Annotated[int | None, typer.Option(min=1, help="For the planner: how many results to average.")],
}
"""Options for settings of the planner."""
ENLARGE: dict[str, Any] = {
    "enlarge": Annotated[
        int | None,
        typer.Option(
            min=2, max=16, help="Make a small picture so many times as large: --operator downsample:factor=N."
        ),
    ],
}
"""The option for an operator that people ask for by another name."""


def planner_with(planner: str | None, **settings: Any) -> dict[str, Any] | str | None:
    """``planner`` with those of ``settings`` that are given; of none, the one that looks at pictures."""
    given = {name: value for name, value in settings.items() if value is not None}
    if not given:
        return planner
    name, own = parse_spec(planner or "auto")
    return {"name": name, **own, **given}


def reported(plan: "Plan") -> "Report":
    """What the planner found. DreamCleanError for one that looks at nothing."""
    if plan.report is None:
        raise DreamCleanError("this planner does not look at pictures; choose another with --planner")
    return plan.report
