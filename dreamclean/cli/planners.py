"""Planners on the command line."""

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
            help="What has changed the tones besides, which pictures do not tell: faded or haze. Blind only.",
            show_default=False,
        ),
    ],
}
"""Options for settings of components."""
ENLARGE: dict[str, Any] = {
    "enlarge": Annotated[
        int | None,
        typer.Option(
            min=2, max=16, help="Make a small picture so many times as large: --operator downsample:factor=N."
        ),
    ],
}
"""The option for an operator that people ask for by another name."""


def with_shortcuts(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a ``Restorer``, with the shortcuts in the place that they are for.

    ``detail`` is the sampler's beside an operator, otherwise a planner's: of the one that looks at pictures, unless
    another is named. ``tone`` is always a planner's. InvalidSetting for ``tone`` beside an operator, and for ``detail``
    beside an operator and a sampler, corrector or guidance.
    """
    rest = {name: value for name, value in settings.items() if name not in SHORTCUTS}
    given = {name: settings[name] for name in SHORTCUTS if settings.get(name) is not None}
    if rest.get("operator") is not None and "tone" in given:
        raise InvalidSetting(
            "--tone is for blind restoration; beside an operator say it as one, in the order of what happened: "
            "--operator 'faded:black=0.2,white=0.9 | ...'"
        )
    if rest.get("operator") is not None and "detail" in given:
        from dreamclean.builtin.planners.diagnosis.treatment import crispness
        from dreamclean.host.host import host
        from dreamclean.method.marks import with_mask

        plugins = rest.get("plugins") or host()
        operator = with_mask(plugins.make("operator", rest["operator"]), rest.get("mask"), plugins)
        assert operator is not None
        fields = crispness(operator, given.pop("detail"))
        if said := [name for name in fields if rest.get(name) is not None]:
            raise InvalidSetting(
                f"--detail chooses the {said[0]} beside an operator; give either --detail or --{said[0]}"
            )
        rest |= fields
    if given:
        name, own = parse_spec(rest.get("planner") or "auto")
        rest["planner"] = {"name": name, **own, **given}
    return rest


def reported(plan: "Plan") -> "Report":
    """What the planner found. DreamCleanError for one that looks at nothing."""
    if plan.report is None:
        raise DreamCleanError("this planner does not look at pictures; choose another with --planner")
    return plan.report
