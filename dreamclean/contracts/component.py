"""What every component is: a small frozen pydantic model whose fields are its settings.

One class gives the Python API (``VPS(gamma=0.05)``), the string form (``vps:gamma=0.05``), the config
form (``{name = "vps", gamma = 0.05}``) and the JSON schema.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from dreamclean.contracts.errors import DreamCleanError


class Component(BaseModel):
    """Base of all components; the five kinds' base classes fix ``kind``.

    ``name`` is what users write. A component that is only ever used as an object needs none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    name: ClassVar[str] = ""

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").strip().split("\n")[0]

    def spec(self) -> dict[str, Any]:
        """The config form: the name and every setting, as JSON-ready values."""
        return {"name": self.name, **self.model_dump(mode="json")}


C = TypeVar("C", bound=BaseModel)
Spec = str | Mapping[str, Any] | Component
"""A component as people write it: ``"vps:gamma=0.1"``, ``{"name": "vps", "gamma": 0.1}`` or ``VPS(gamma=0.1)``."""


def _split(value: Any) -> Any:
    return value.split("/") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]


IntList = Annotated[tuple[int, ...], BeforeValidator(_split)]
"""The type of a setting of several whole numbers: one, a sequence, or ``10/20/40`` in the string form."""

FloatList = Annotated[tuple[float, ...], BeforeValidator(_split)]
"""The type of a setting of several numbers: one, a sequence, or ``0.3/0.4/0.3`` in the string form."""


def parse_spec(spec: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and settings of ``name:key=value,...`` or ``{"name": ..., key: value}``."""
    if isinstance(spec, Mapping):
        settings = dict(spec)
        name = settings.pop("name", None)
        if not isinstance(name, str):
            raise DreamCleanError(f"{dict(spec)} names no component; write {{name = ..., ...}}")
        return name, settings
    name, _, rest = spec.partition(":")
    settings = {}
    for item in filter(None, rest.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise DreamCleanError(f"'{item}' in '{spec}' is not a setting; write {name}:key=value,key=value")
        settings[key.strip()] = value.strip()
    return name.strip(), settings


def validated(cls: type[C], label: str, settings: Mapping[str, Any]) -> C:
    """``cls(**settings)``, with pydantic's report folded into one line."""
    try:
        return cls(**settings)
    except ValidationError as error:
        raise DreamCleanError(f"{label}: {explain(error)}") from error


def explain(error: ValidationError) -> str:
    """A validation error in one line."""
    parts = []
    for problem in error.errors():
        where = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            parts.append(f"there is no setting '{where}'")
        elif problem["type"] == "missing":
            parts.append(f"setting '{where}' is needed")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            parts.append(f"{where}: {message} (got {problem['input']!r})" if where else message)
    return "; ".join(parts)
