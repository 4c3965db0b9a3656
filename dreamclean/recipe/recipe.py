"""Recipes: components and settings. Missing fields are filled in from the prior's recommendation."""

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dreamclean.contracts.component import Component, parse_spec, validated
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.levels import DDPMSchedule, Schedule
from dreamclean.contracts.strength import as_nsr
from dreamclean.recipe.exact import exact_dtype
from dreamclean.recipe.old import in_todays_words, modern

if TYPE_CHECKING:
    from dreamclean.contracts.prior import Prior

KINDS = ("prior", "operator", "guidance", "planner", "initializer", "corrector", "sampler", "path", "spacing")
FIXED: dict[str, Any] = {"name": "fixed"}
MOVES = ("initializer", "corrector", "sampler")


class Recipe(BaseModel):
    """A recipe. Components are config dicts, ``{"name": "vps", "gamma": 0.05}``; strings are accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prior: dict[str, Any] | None = Field(default=None, description="The model of clean images")
    operator: dict[str, Any] | None = Field(default=None, description="The known degradation; none: blind")
    guidance: dict[str, Any] | None = Field(
        default=None, description="How estimates are brought into agreement with the measurement"
    )
    planner: dict[str, Any] | None = Field(default=None, description="What decides what each picture needs")
    initializer: dict[str, Any] | None = Field(default=None, description="The way to the top noise level")
    corrector: dict[str, Any] | None = Field(default=None, description="The move within each noise level")
    sampler: dict[str, Any] | None = Field(default=None, description="The step to the next lower noise level")
    path: dict[str, Any] | None = Field(default=None, description="The order in which levels are visited")
    spacing: dict[str, Any] | None = Field(default=None, description="How noise levels are distributed below the top")
    strength: float | str | None = Field(
        default=None, description="Top noise level: a timestep, or nsr:R for sigma / alpha = R"
    )
    steps: int | None = Field(default=None, ge=1, description="Steps from the top level to the picture")
    tile: int | None = Field(default=None, ge=0, description="Side of a larger picture's tiles in pixels; 0: never cut")
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of each image's random numbers")
    dtype: str | None = Field(
        default=None, description="Precision of the prior's network: float32, bfloat16 or float16"
    )
    exact: bool | None = Field(
        default=None, description="The same bytes on any number of threads and in any batch: float32, one thread"
    )
    versions: dict[str, str] = Field(default_factory=dict, description="Packages that made the picture")

    @model_validator(mode="before")
    @classmethod
    def _as_it_was(cls, fields: Any) -> Any:
        return modern(fields) if isinstance(fields, dict) else fields

    @field_validator(*KINDS, mode="before")
    @classmethod
    def _component(cls, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Component):
            return value.spec()
        if not isinstance(value, str | dict):
            raise ValueError("a component is a string, a table with a name, or a component object")
        name, settings = parse_spec(value)
        return {"name": name, **settings}

    @field_validator("strength")
    @classmethod
    def _strength(cls, value: float | str | None) -> float | str | None:
        if not isinstance(value, str):
            return value
        value = as_nsr(value)
        number = value.removeprefix("nsr:")
        try:
            return value if value.startswith("nsr:") and float(number) > 0 else float(number)
        except ValueError:
            raise ValueError(
                "a strength is a timestep such as 300, or nsr:R with the noise-to-signal ratio R"
            ) from None

    @model_validator(mode="after")
    def _exact_is_float32(self) -> "Recipe":
        if self.exact:
            exact_dtype(self.dtype)
        return self

    def over(self, other: "Recipe") -> "Recipe":
        """This recipe, with ``other`` for the fields that are not set."""
        said = {name: getattr(self, name) for name in self.model_fields_set if getattr(self, name) is not None}
        return other.model_copy(update=said)

    def without_versions(self) -> "Recipe":
        return self.model_copy(update={"versions": {}})

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
        else:
            from dreamclean.pictures.picture import embedded_recipe

            data = json.loads(embedded_recipe(path))
        if not isinstance(data, dict):
            raise ValueError("it holds no table of settings")
    except (OSError, ValueError, RecursionError) as error:
        raise DreamCleanError(f"no recipe could be read from {path}: {error}") from error
    return validated(Recipe, f"recipe {path.name}", in_todays_words(data))


def paper(known_operator: bool, schedule: Schedule) -> Recipe:
    """The paper's settings: strength 300 of T = 1000 in steps of 10, gamma = 0.05, M = 1.

    90 evaluations blind, 60 with a known operator. A model without a thousand timesteps starts at the same
    noise-to-signal ratio.
    """
    thousand = isinstance(schedule, DDPMSchedule) and 900 < schedule.highest < 1000
    return make_recipe(
        guidance="dreamclean/projection" if known_operator else None,
        initializer="dreamclean/forward-noising" if known_operator else "dreamclean/ddim-inversion",
        corrector="dreamclean/vps:gamma=0.05,repeats=1",
        sampler="dreamclean/ddim",
        path="dreamclean/descent",
        spacing=schedule.usual,
        strength=300 if thousand else f"nsr:{DDPMSchedule.linear().at(300).ratio:.4f}",
        steps=30,
    )


def settle(
    said: Recipe, preset: str | None, prior: "Prior", schedule: Schedule, known_operator: bool, planner: str
) -> tuple[Recipe, Recipe]:
    """``said`` with the planner that it implies, and what it leaves open: the prior's recommendation over the paper.

    A preset, a strength, or an operator without a planner: the recipe is fixed. Else the prior's planner, or, in pixel
    space where neither it nor the user says anything of how to restore, ``planner``.
    """
    if preset is not None:
        named = PRESETS[preset](known_operator, schedule)
        said = said.over(named if said.planner in (None, FIXED) else named.model_copy(update={"strength": None}))
    recommended = make_recipe(**prior.recipe_for(known_operator))
    chosen = recommended.planner
    if not chosen and recommended == Recipe() and prior.space == "pixel":
        silent = not any(getattr(said, name) for name in (*MOVES, "steps"))
        chosen = Recipe(planner=planner).planner if silent else None
    if known_operator or said.strength is not None or not chosen:
        chosen = FIXED
    said = said.over(Recipe(planner=chosen))
    return said, recommended.over(paper(known_operator, schedule))


PRESETS = {"paper": paper}
"""Named presets, functions of whether the operator is known and of the prior's noise levels."""
