"""A component's settings, for people: used by ``dreamclean describe`` and the component reference."""

import difflib
import inspect
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.host.host import Entry, Host


def find(host: Host, text: str) -> Entry:
    """The component that ``kind/name`` says, or ``name`` alone where only one kind has it; else DreamCleanError."""
    kind, slash, name = text.partition("/")
    if slash:
        return host.find(kind, name)
    kinds = sorted({entry.kind for entry in host.collect() if entry.name == text})
    if len(kinds) == 1:
        return host.find(kinds[0], text)
    if kinds:
        raise DreamCleanError(
            f"several kinds have a '{text}'; choose {' or '.join(f'{kind}/{text}' for kind in kinds)}"
        )
    near = difflib.get_close_matches(text, [entry.name for entry in host.collect()], n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else "'dreamclean plugins' lists them"
    raise DreamCleanError(f"there is no component '{text}'; {hint}")


class Setting(NamedTuple):
    """A setting as people read it."""

    name: str
    type: str
    default: str
    bounds: str
    description: str


def settings(component: type[Any]) -> list[Setting]:
    """The settings of a component, in the order of its fields."""
    schema = component.model_json_schema()["properties"] if component.model_fields else {}
    return [
        Setting(name, _type(schema[name]), _default(field), _bounds(schema[name]), field.description or "")
        for name, field in component.model_fields.items()
    ]


def _type(schema: dict[str, Any]) -> str:
    if held := schema.get("items", {}).get("title"):
        return f"{held}s, a | b | ..."
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        items = _type(schema["items"])
        return items if "a/b" in items else f"{items.replace(' | ', 's | ')}s, a/b/..."
    kind = str(schema.get("format") or schema.get("type", "any"))
    return "none" if kind == "null" else kind


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "(needed)"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value) or "''"


_LIMITS = {"minimum": ">= {}", "exclusiveMinimum": "> {}", "maximum": "<= {}", "exclusiveMaximum": "< {}"}


def _bounds(schema: dict[str, Any]) -> str:
    forms = [schema, *schema.get("anyOf", [])]  # of what may be none, its own
    parts = [text.format(f"{form[key]:g}") for form in forms for key, text in _LIMITS.items() if key in form]
    return ", ".join(parts)


def describe_text(entry: Entry) -> str:
    """What ``dreamclean describe`` prints."""
    lines = [f"{entry.kind} {entry.name} ({entry.package} {entry.version})", "", inspect.getdoc(entry.component) or ""]
    rows = settings(entry.component)
    if rows:
        lines += ["", "settings:"]
    for row in rows:
        bounds = f", {row.bounds}" if row.bounds else ""
        lines.append(f"  {row.name} = {row.default}  ({row.type}{bounds})")
        lines.append(f"      {row.description}")
    return "\n".join(lines)
