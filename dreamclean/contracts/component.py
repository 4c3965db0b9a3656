"""Components: small frozen pydantic models whose fields are their settings.

One class gives the Python API (``VPS(gamma=0.05)``), the string form (``vps:gamma=0.05``), the config
form (``{name = "vps", gamma = 0.05}``) and the JSON schema.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo, field_validator

from dreamclean.contracts.brief import brief
from dreamclean.contracts.errors import DreamCleanError, InvalidSetting
from dreamclean.contracts.fraction import number

FROM_PYTHON = "python"
"""The key in a config form that names the class of an object that settings cannot make again."""


class Component(BaseModel):
    """Base of all components; the base class of each kind fixes ``kind``.

    ``name`` is what users write. A component that is used only as an object needs no name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    name: ClassVar[str] = ""
    holds: ClassVar[Mapping[str, str]] = {}
    """Settings that are sequences of components, each with their kind: strings and tables in them are made first."""

    def __init__(self, /, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            who = f"{getattr(self, 'kind', 'component')} {self.name or type(self).__name__}"
            raise InvalidSetting(f"{who}: {explain(error, type(self).model_fields)}") from error

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in type(self).model_fields)))

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Only the settings that are not as by default."""
        fields = type(self).model_fields
        return (
            pair
            for pair in super().__repr_args__()
            if pair[1] != fields[str(pair[0])].get_default(call_default_factory=True)
        )

    def __str__(self) -> str:
        """The string form, with the settings that are not as by default: ``vps:gamma=0.1``."""
        values, changed = self.model_dump(mode="json"), self.model_dump(exclude_defaults=True)
        return string_form(self.name, {name: values[name] for name in values if name in changed})

    def reloadable(self) -> tuple[str, ...]:
        """Private attributes that are loaded again when needed: not pickled, not compared, and not in a changed copy."""
        return ()

    def from_python(self) -> bool:
        """Whether it holds something besides its settings, such as a function, so that its settings cannot make it again."""
        return False

    @classmethod
    def listed(cls) -> "type[Component]":
        """The class that is registered for it; another one where a class has a variant of the same name."""
        return cls

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other settings, which are validated; what is ``reloadable`` is loaded again for them.

        Raises:
            InvalidSetting: for a setting that is unknown or out of bounds.
        """
        copy = super().model_copy(deep=deep)
        if not update:
            return copy
        if type(self).__init__ is not Component.__init__:
            raise DreamCleanError(
                f"{self.name} cannot be copied with another {', '.join(update)}, as its class has an __init__ of its own; "
                "set private attributes in a class method, as Inpaint.of does"
            )
        made = type(self)(**{**{name: getattr(copy, name) for name in copy.model_fields_set}, **update})
        loaded, fresh = {*self.reloadable(), *made.reloadable()}, made.__pydantic_private__ or {}
        for name, value in (copy.__pydantic_private__ or {}).items():
            default = type(self).__private_attributes__[name].get_default()
            if name not in loaded and _alike(fresh.get(name, default), default):  # given, and not made of the settings
                setattr(made, name, value)
        return made

    def __eq__(self, other: object) -> bool:
        """The same class, the same settings, and the same objects given from Python; loaded data does not count."""
        if type(other) is not type(self):
            return NotImplemented
        given = type(self).__private_attributes__.keys() - {*self.reloadable(), *other.reloadable()}
        names = (*type(self).model_fields, *given)
        return all(_alike(getattr(self, name, None), getattr(other, name, None)) for name in names)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private, attributes = state["__pydantic_private__"], type(self).__private_attributes__
        unloaded = {name: attributes[name].get_default() for name in self.reloadable()}
        return {**state, "__pydantic_private__": private and {**private, **unloaded}}

    @field_validator("*", mode="before")
    @classmethod
    def _fraction(cls, value: Any, info: ValidationInfo) -> Any:
        """A setting that is one number may be written as 25/255."""
        alone = cls.model_fields[info.field_name or ""].annotation in (float, float | None)
        return number(value) if alone and isinstance(value, str) and "/" in value else value

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").strip().split("\n")[0]

    def spec(self) -> dict[str, Any]:
        """The config form: the name and every setting, as JSON-ready values.

        The form of a component that is ``from_python`` says so, and no component can be made from it.
        """
        form = {"name": self.name, **self.model_dump(mode="json")}
        return form | marked(self) if self.from_python() else form


def marked(component: Component) -> dict[str, str]:
    """The config form of an object that settings cannot make again."""
    return {FROM_PYTHON: f"{type(component).__module__}.{type(component).__qualname__}"}


def _alike(one: Any, other: Any) -> bool:
    """Equality; arrays and tensors, which compare element by element, are equal if all elements are."""
    if type(one) is type(other) and getattr(one, "shape", None) != getattr(other, "shape", None):
        return False
    same = one == other
    return bool(same.all() if hasattr(same, "all") else same)


C = TypeVar("C", bound=BaseModel)
Spec = str | Mapping[str, Any] | Component | Sequence[str | Mapping[str, Any] | Component]
"""A component as people write it: ``"vps:gamma=0.1"``, ``{"name": "vps", "gamma": 0.1}`` or ``VPS(gamma=0.1)``.

A chain of operators is ``"blur | jpeg"``, or a list of them in the order of what happened.
"""

CHAIN = "chain"
"""The name of a component that stands for several in a row, its ``links``."""


def _split(value: Any) -> Any:
    return value.split("/") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]


IntList = Annotated[tuple[int, ...], BeforeValidator(_split)]
"""The type of a setting of several whole numbers: one, a sequence, or ``10/20/40`` in the string form."""

FloatList = Annotated[tuple[float, ...], BeforeValidator(_split)]
"""The type of a setting of several numbers: one, a sequence, or ``0.3/0.4/0.3`` in the string form."""


def string_form(name: str, settings: Mapping[str, Any]) -> str:
    """``name:key=value,...``, which ``parse_spec`` reads, of JSON-ready ``settings``."""

    def text(value: Any) -> str:
        if isinstance(value, list | tuple):
            return "/".join(map(text, value))
        return str(value).lower() if isinstance(value, bool) else str(value)

    said = ",".join(f"{key}={text(value)}" for key, value in settings.items())
    return f"{name}:{said}" if said else name


def parse_spec(spec: str | Mapping[str, Any] | Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """The name and settings of ``name:key=value,...`` or ``{"name": ..., key: value}``; of several, a chain's."""
    if isinstance(spec, list | tuple) or (isinstance(spec, str) and "|" in spec):
        return _parse_chain(spec)
    if isinstance(spec, Mapping):
        settings = dict(spec)
        name = settings.pop("name", None)
        if not isinstance(name, str):
            raise DreamCleanError(f"{brief(dict(spec))} names no component; write {{name = ..., ...}}")
        return name, settings
    if not isinstance(spec, str):
        raise DreamCleanError(f"{brief(spec)} names no component; write name:key=value or {{name = ..., ...}}")
    name, _, rest = spec.partition(":")
    settings = {}
    for item in filter(None, rest.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise DreamCleanError(f"{brief(item)} in {brief(spec)} is not a setting; write {name}:key=value,key=value")
        settings[key.strip()] = value.strip()
    return name.strip(), settings


def _parse_chain(spec: str | Sequence[Any]) -> tuple[str, dict[str, Any]]:
    links = [link.strip() for link in spec.split("|")] if isinstance(spec, str) else list(spec)
    if not links or not all(links):
        raise DreamCleanError(f"a link is missing in {brief(spec)}; write first | second, or a list of one or more")
    if len(links) == 1 and not isinstance(links[0], Component):
        return parse_spec(links[0])
    forms = [link if isinstance(link, Component) else _form(link) for link in links]
    return CHAIN, {"links": forms}


def _form(spec: Any) -> dict[str, Any]:
    name, settings = parse_spec(spec)
    return {"name": name, **settings}


def validated(cls: type[C], label: str, settings: Mapping[str, Any]) -> C:
    """``cls(**settings)``, with pydantic's report folded into one line."""
    try:
        return cls(**settings)
    except ValidationError as error:
        raise DreamCleanError(f"{label}: {explain(error, cls.model_fields)}") from error


def explain(error: ValidationError, known: Iterable[str] = ()) -> str:
    """A validation error in one line; ``known``: the existing settings."""
    parts, told = [], set()
    for problem in error.errors():
        setting = problem["loc"][:1]
        if setting and setting in told:  # what went wrong first is enough
            continue
        told.add(setting)
        where = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(where, known, n=1)
            parts.append(f"there is no setting {brief(where)}" + (f"; did you mean '{near[0]}'?" if near else ""))
        elif problem["type"] == "missing":
            parts.append(f"setting '{where}' is needed")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            said = problem["type"] == "value_error" and isinstance(problem["ctx"]["error"], DreamCleanError)
            parts.append(f"{where}: {message} (got {brief(problem['input'])})" if where and not said else message)
    return "; ".join(parts)
