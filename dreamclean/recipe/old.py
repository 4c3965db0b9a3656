"""Recipes as earlier versions wrote them."""

from typing import Any


def modern(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` of a recipe, with ``strength="auto"``, ``detail`` and ``samples`` as the planner's that they are now."""
    if fields.get("strength") != "auto":
        return fields
    settings = {name: fields[name] for name in ("detail", "samples") if fields.get(name) is not None}
    kept = {name: value for name, value in fields.items() if name not in ("strength", "detail", "samples")}
    return {"planner": {"name": "auto", **settings}, **kept}


def in_todays_words(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` of a recipe that was stored, with ``nsr:R`` for ``snr:R``, a name that the ratio's inverse has."""
    strength = fields.get("strength")
    if isinstance(strength, str) and strength.startswith("snr:"):
        fields = {**fields, "strength": "nsr:" + strength.removeprefix("snr:")}
    return fields
