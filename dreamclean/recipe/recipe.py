"""Recipes: components and settings. Missing fields are filled in from the prior's recommendation."""

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Union, Unpack

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from dreamclean.contracts.component import Component, parse_spec, validated
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.picture import embedded_recipe, is_picture
from dreamclean.recipe.exact import exact_dtype
from dreamclean.recipe.old import in_todays_words, modern
from dreamclean.recipe.settings import Entry, RecipeSettings, entries

FIXED: dict[str, Any] = {"name": "dreamclean/fixed"}
"""The planner that has no plans."""


def _config(value: Any) -> Any:
    """A component as its config dict, from any form."""
    if value is None:
        return None
    if isinstance(value, Component):
        return value.spec()
    if not isinstance(value, str | dict | list | tuple):
        raise ValueError("a component is a string, a table with a name, a list of tables, or a component object")
    if isinstance(value, list | tuple):
        value = [one.spec() if isinstance(one, Component) else one for one in value]
    name, settings = parse_spec(value)
    return {"name": name, **settings}


def field_of(name: str) -> Any:
    """The field of a setting in a pydantic model: its description, bounds and default."""
    setting = entries()[name].setting
    bounds = {bound: value for bound in ("ge", "lt") if (value := getattr(setting, bound)) is not None}
    return Field(default=setting.default, description=setting.description, **bounds)


def _held(entry: Entry) -> Any:
    """The type of a setting in a recipe."""
    if entry.component:
        return Annotated[dict[str, Any] | None, BeforeValidator(_config)]
    types = entry.types if entry.setting.default is None else (kind for kind in entry.types if kind is not type(None))
    held: Any = Union[tuple(types)]  # noqa: UP007 (of a tuple)
    return Annotated[held, AfterValidator(entry.setting.check)] if entry.setting.check else held


if TYPE_CHECKING:

    class _Fields(BaseModel):
        """The fields of a recipe, which are made from the list of settings."""

        def __getattr__(self, name: str) -> Any: ...

else:
    _Fields = create_model(
        "_Fields", **{name: (_held(entry), field_of(name)) for name, entry in entries(RecipeSettings).items()}
    )


class Recipe(_Fields):
    """A recipe. Components are config dicts, ``{"name": "vps", "gamma": 0.05}``; strings are accepted.

    It has a field for each of ``Settings`` that is kept in recipes; None: not set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    versions: dict[str, str] = Field(default_factory=dict, description="Packages that made the picture")

    if TYPE_CHECKING:

        def __init__(self, *, versions: dict[str, str] = ..., **settings: Unpack[RecipeSettings]) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _as_it_was(cls, fields: Any) -> Any:
        return modern(fields) if isinstance(fields, dict) else fields

    @model_validator(mode="after")
    def _exact_is_float32(self) -> "Recipe":
        if self.exact:
            exact_dtype(self.dtype)
        return self

    def over(self, other: "Recipe") -> "Recipe":
        """This recipe, with ``other`` for the fields that are not set."""
        return other.model_copy(update=self.said())

    def said(self) -> dict[str, Any]:
        """The fields that are set."""
        return {name: getattr(self, name) for name in self.model_fields_set if getattr(self, name) is not None}

    def to_json(self) -> str:
        return self.model_dump_json(exclude_none=True)


def make_recipe(**fields: Any) -> Recipe:
    """A recipe from keyword arguments; None means not set. DreamCleanError for an invalid one."""
    return validated(Recipe, "recipe", {k: v for k, v in fields.items() if v is not None})


def read_recipe(path: Path) -> Recipe:
    """A recipe from a TOML or JSON file, or from a picture that DreamClean wrote."""
    try:
        if path.suffix.lower() == ".toml":
            data = tomllib.loads(path.read_text())
        elif path.suffix.lower() == ".json":
            data = json.loads(path.read_text())
        elif path.is_file() and not is_picture(path):
            raise ValueError("give a .toml or .json file, or a PNG that dreamclean wrote")
        else:
            data = json.loads(embedded_recipe(path))
        if not isinstance(data, dict):
            raise ValueError("it holds no table of settings")
    except (OSError, ValueError, RecursionError) as error:
        raise DreamCleanError(f"no recipe could be read from {path}: {error}") from error
    return validated(Recipe, f"recipe {path.name}", in_todays_words(data))
