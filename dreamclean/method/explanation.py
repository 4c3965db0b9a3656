"""Why a picture is restored as it is: every setting, its value, and the layer that it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dreamclean.contracts.errors import Refusal
from dreamclean.contracts.planner import Plan, Report
from dreamclean.method.resolved import written
from dreamclean.method.setup import Setup
from dreamclean.recipe.settings import RecipeSettings, entries

_LONG = 40
"""Characters of text that is shown in part."""


class Explained(NamedTuple):
    """The value of a setting, and the name of the layer that it came from."""

    value: Any
    """As in a recipe: a number, a string, a component's config dict, or None."""
    source: str
    """``you``, ``recipe FILE``, ``preset paper``, ``planner NAME``, ``prior NAME``, ``paper``, ``device NAME`` or ``default``."""

    def text(self) -> str:
        """The value as people write it."""
        if isinstance(self.value, dict):
            return written(_shortened(self.value))
        return "none" if self.value is None else str(self.value).lower()


@dataclass(frozen=True)
class Explanation:
    """The settings of a restoration. Printed, it is a table."""

    settings: Mapping[str, Explained]
    """By name. Where the picture is left as it is, those that are known without a run."""
    report: Report | None
    """What the planner found, if it looked."""
    restores: bool
    """False: the picture is left as it is."""

    def spec(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "restores": self.restores,
            "settings": {name: {"value": found.value, "from": found.source} for name, found in self.settings.items()},
            "summary": self.report.summary() if self.report else None,
            "report": self.report.spec() if self.report else None,
        }

    def __str__(self) -> str:
        rows = [("SETTING", "VALUE", "FROM"), *((n, found.text(), found.source) for n, found in self.settings.items())]
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        lines = [f"{name.ljust(first)}  {value.ljust(second)}  {source}" for name, value, source in rows]
        return "\n".join([*lines, *([self.report.words()] if self.report else [])])


def _shortened(value: Any) -> Any:
    """A component's config dict with the beginning of long text: a mask's, or a map's."""
    if isinstance(value, Mapping):
        return {name: _shortened(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value]
    return f"{value[:_LONG]}..." if isinstance(value, str) and len(value) > 2 * _LONG else value


def explanation_of(setup: Setup, plan: Plan) -> Explanation:
    """What follows from ``plan``, which is not asked where the run is fixed. Refusal if it is one."""
    if plan.refusal:
        raise Refusal(plan.refusal)
    run = setup.fixed or (None if plan.recipe is None else setup.resolved(plan.recipe))
    recipe, sources = (run.recipe, run.sources) if run else (setup.recipe, setup.sources(setup.said))
    settings = {name: Explained(getattr(recipe, name), sources[name]) for name in entries(RecipeSettings)}
    settings["planner"] = Explained(setup.recipe.planner, setup.said.source("planner") or "default")
    settings["exact"] = settings["exact"]._replace(value=bool(recipe.exact))
    settings["device"] = Explained(str(setup.device), setup.device_source)
    known = {name: found for name, found in settings.items() if run or found.value is not None}
    return Explanation(known, plan.report, run is not None)
