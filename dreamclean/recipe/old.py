"""Recipes as earlier versions wrote them."""

from typing import Any

from dreamclean.contracts.component import parse_spec

REPEATED = ("vps", "langevin", "gradient-ascent")
"""The correctors whose ``repeats`` was called ``steps``."""


def modern(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` of a recipe, with ``strength="auto"`` and ``detail`` as the planner's that they are now."""
    if fields.get("strength") != "auto":
        return fields
    settings = {} if fields.get("detail") is None else {"detail": fields["detail"]}
    kept = {name: value for name, value in fields.items() if name not in ("strength", "detail")}
    return {"planner": {"name": "auto", **settings}, **kept}


def in_todays_words(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` of a stored recipe by today's names.

    ``nsr:R`` was ``snr:R``, a corrector's ``repeats`` ``steps``, and ``samples`` the planner's.
    """
    strength, corrector, planner = fields.get("strength"), fields.get("corrector"), fields.get("planner")
    if isinstance(planner, dict) and "samples" in planner:
        kept = {name: value for name, value in planner.items() if name != "samples"}
        fields = {"samples": planner["samples"], **fields, "planner": kept}
    if isinstance(strength, str) and strength.startswith("snr:"):
        fields = {**fields, "strength": "nsr:" + strength.removeprefix("snr:")}
    if isinstance(corrector, str | dict):
        name, settings = parse_spec(corrector)
        if name.removeprefix("dreamclean/") in REPEATED and "steps" in settings:
            settings.setdefault("repeats", settings.pop("steps"))
            fields = {**fields, "corrector": {"name": name, **settings}}
    return fields
