"""What forms are made of: the settings of a component, read from its JSON schema. Knows no page."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Kind = Literal["choice", "flag", "integer", "number", "text", "file"]


class Field(NamedTuple):
    """A setting of a component."""

    name: str
    kind: Kind
    """``text`` is also a list of numbers, written 1/2/3, and what has no other form; ``file`` is a path."""
    default: Any
    """As JSON; None: there is none, or it is none."""
    low: float | None
    """The least value, that itself excluded if it says so in the schema."""
    high: float | None
    choices: tuple[Any, ...]
    needed: bool
    description: str

    @property
    def free(self) -> bool:
        """Whether any text is a value of it."""
        return self.kind in ("text", "file")


def fields_of(component: type[Any]) -> list[Field]:
    """The settings of a component's class, in order."""
    schema = component.model_json_schema()
    needed = schema.get("required", [])
    return [
        _field(name, part, name in needed, schema.get("$defs", {}))
        for name, part in schema.get("properties", {}).items()
    ]


def _field(name: str, schema: Mapping[str, Any], needed: bool, shared: Mapping[str, Any]) -> Field:
    parts = [_looked_up(part, shared) for part in schema.get("anyOf", [schema])]
    some = [part for part in parts if part.get("type") != "null"]
    one: Mapping[str, Any] = some[0] if len(some) == 1 else {}
    choices = tuple(one.get("enum", [one["const"]] if "const" in one else []))
    return Field(
        name,
        _kind(one, choices),
        schema.get("default"),
        one.get("minimum", one.get("exclusiveMinimum")),
        one.get("maximum", one.get("exclusiveMaximum")),
        (*choices, *([None] if choices and len(parts) > len(some) else [])),
        needed,
        schema.get("description", ""),
    )


def _looked_up(schema: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, Any]:
    return shared.get(schema["$ref"].rpartition("/")[2], {}) if "$ref" in schema else schema


def _kind(schema: Mapping[str, Any], choices: tuple[Any, ...]) -> Kind:
    if choices:
        return "choice"
    kinds: dict[Any, Kind] = {"boolean": "flag", "integer": "integer", "number": "number"}
    return "file" if schema.get("format") == "path" else kinds.get(schema.get("type"), "text")
