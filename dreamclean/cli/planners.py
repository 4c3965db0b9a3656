"""Planners on the command line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dreamclean.contracts.errors import DreamCleanError, InvalidSetting

if TYPE_CHECKING:
    from dreamclean.contracts.operator import Operator
    from dreamclean.contracts.planner import Plan, Report
    from dreamclean.recipe.settings import Settings

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
    from dreamclean.host.host import host
    from dreamclean.method.setup import operator_of, said_by
    from dreamclean.recipe.layers import USER

    asked = cast("Settings", rest)
    layers, objects = said_by(asked)
    said = layers.recipe
    plugins = rest.get("plugins") or host()
    operator = operator_of(plugins, said, objects, asked)
    if operator is not None:
        if "tone" in given and said.operator is None:
            raise InvalidSetting(
                "--tone is for blind restoration, and a mask says what is done; fill in first, "
                "and then restore the result with --tone"
            )
        if "tone" in given:
            raise InvalidSetting(
                "--tone is for blind restoration; beside an operator say it as one, in the order of what happened: "
                "--operator 'faded:black=0.2,white=0.9 | ...'"
            )
        return rest | _crispness(operator, given["detail"], rest)
    if said.strength is not None:
        raise InvalidSetting(
            f"--{next(iter(given))} is for pictures that are diagnosed, and a strength is given; give one of the two"
        )
    chosen = said.planner
    if chosen and layers.source("planner") != USER and not plugins.make("planner", chosen).looks:  # nobody chose it
        chosen = None
    return rest | {"planner": {**(chosen or {"name": "auto"}), **given}}


def _crispness(operator: "Operator", detail: float, rest: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that ``detail`` chooses beside ``operator``; InvalidSetting where ``rest`` has one of them."""
    from dreamclean.builtin.planners.diagnosis.treatment import crispness

    fields = crispness(operator, detail)
    if said := [name for name in fields if rest.get(name) is not None]:
        raise InvalidSetting(f"--detail chooses the {said[0]} beside an operator; give either --detail or --{said[0]}")
    return dict(fields)


def reported(plan: "Plan") -> "Report":
    """What the planner found. DreamCleanError for one that looks at nothing."""
    if plan.report is None:
        raise DreamCleanError(
            "this prior is run with fixed settings and says nothing of pictures; choose another --prior"
        )
    return plan.report
