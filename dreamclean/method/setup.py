"""What is known before a picture is seen, and how that and a plan are resolved into a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

import torch

from dreamclean.contracts.component import Component
from dreamclean.contracts.corrector import Corrector
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.initializer import Initializer
from dreamclean.contracts.listing import there_are
from dreamclean.contracts.model import Model
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.path import Path
from dreamclean.contracts.planner import Planner
from dreamclean.contracts.prior import Prior
from dreamclean.contracts.sampler import Sampler
from dreamclean.contracts.spacing import Spacing
from dreamclean.host.host import Host
from dreamclean.method import doubts
from dreamclean.method.device import pick_device, pick_dtype
from dreamclean.method.given import recipe_of
from dreamclean.method.loaded import load
from dreamclean.method.marks import with_mask
from dreamclean.method.resolved import Resolved, side
from dreamclean.method.tiling import Tiles
from dreamclean.recipe.exact import exact_dtype
from dreamclean.recipe.layers import USER, Layers, source_of
from dreamclean.recipe.noise import with_noise
from dreamclean.recipe.recipe import FIXED, Recipe, make_recipe
from dreamclean.recipe.settings import KINDS, RecipeSettings, Settings, entries
from dreamclean.recipe.settle import PRESETS, recommended, with_operator, with_planner, with_preset, with_rest
from dreamclean.version import __version__

PARTS = ("guidance", "initializer", "corrector", "sampler", "path", "spacing")
"""The components that a plan may choose."""
OF_THE_RUN = ("prior", "planner", "tile", "dtype", "exact", "seed")
"""What it may not: these are decided before a picture is seen."""


@dataclass(frozen=True)
class Setup:
    """What is known before a picture is seen: of the components that a plan may choose, those that the user says."""

    host: Host
    said: Layers
    """What the user says, in arguments, a file and a preset, and the planner that follows from it."""
    prior: Prior
    model: Model
    operator: Operator | None
    planner: Planner
    tiles: Tiles | None
    device: torch.device
    device_source: str
    dtype: torch.dtype
    guidance: Guidance | None
    initializer: Initializer | None
    corrector: Corrector | None
    sampler: Sampler | None
    path: Path | None
    spacing: Spacing | None

    def __getstate__(self) -> dict[str, Any]:
        """Without the model, which another process loads anew."""
        kept = {name: value for name, value in vars(self).items() if name != "fixed"}
        return {**kept, "model": None, "tiles": side(self.tiles)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        model = load(state["prior"], state["device"], state["dtype"])
        tiles = Tiles(model, state["tiles"]) if state["tiles"] else None
        vars(self).update(state, model=model, tiles=tiles)

    @property
    def recipe(self) -> Recipe:
        """What is known so far, with the packages involved."""
        parts = {kind: getattr(self, kind) for kind in KINDS}
        return self.said.recipe.model_copy(update=self.settled(parts))

    @cached_property
    def fixed(self) -> Resolved | None:
        """The run of every picture; None: each has a plan of its own."""
        return None if self.planner.looks else self.resolved()

    def resolved(self, plan: Mapping[str, Any] | None = None) -> Resolved:
        """The run that follows, of a planner that looks with its ``plan`` (a recipe's fields), over which goes what the user says.

        DreamCleanError where the components do not go together.
        """
        said, planner = self.said, self.planner
        objects = {kind: value for kind, value in (plan or {}).items() if isinstance(value, Component)}
        if plan is not None:
            said = said.over(source_of(planner), make_recipe(**plan).model_copy(update=dict.fromkeys(OF_THE_RUN)))
            planner = self.host.make("planner", FIXED)
        operator = self.operator or _made(self.host, "operator", said.recipe, objects)
        schedule = self.model.schedule
        if operator is not None:
            said = with_operator(said, operator, self.prior, schedule, self.model.codec.pixel_scale)
        layers = with_rest(said, self.prior, schedule, operator)
        recipe = layers.recipe
        made = {kind: getattr(self, kind) or _made(self.host, kind, recipe, objects) for kind in PARTS}
        check_guidance(made["guidance"], operator)
        levels = schedule.ladder(recipe.strength, recipe.steps, made["spacing"])
        parts = {**made, "prior": self.prior, "operator": operator}
        recipe = recipe.model_copy(update=self.settled({**parts, "planner": planner}))
        return Resolved(
            **parts,
            model=self.model,
            levels=levels,
            tiles=self.tiles,
            recipe=recipe,
            sources=self.sources(layers),
        )

    def doubt_of(self, preset: str | None, run: Resolved) -> str | None:
        """A warning if the strength is the preset's, and far from what suits the prior."""
        if preset is None or run.sources["strength"] != f"preset {preset}":
            return None
        return doubts.of_preset(preset, run.levels[-1], self.prior, self._usual(), self.operator is not None)

    def _usual(self) -> float | None:
        """The noise-to-signal ratio that the prior recommends, or its planner's highest; None: neither is known."""
        wanted, schedule = recommended(self.prior, self.operator), self.model.schedule
        if wanted.strength is not None:
            return schedule.at(schedule.resolve(wanted.strength)).ratio
        planner: Planner = self.host.make("planner", wanted.planner or self.host.default("planner"))
        return None if planner.refuses(self.operator is not None, self.prior) else planner.strongest(self.prior)

    def settled(self, parts: Mapping[str, Component | None]) -> dict[str, Any]:
        """The recipe's fields as they came out, with the version of every package involved."""
        provided = [self.host.provider(part) for part in parts.values() if part is not None]
        versions = {"dreamclean": __version__, "torch": torch.__version__, **dict(filter(None, provided))}
        specs = {kind: self.host.spec(part) if part else None for kind, part in parts.items()}
        dtype = str(self.dtype).removeprefix("torch.")
        return {**specs, "tile": side(self.tiles), "dtype": dtype, "versions": versions}

    def sources(self, layers: Layers) -> dict[str, str]:
        """Where the value of each field of a recipe came from."""
        found = {name: layers.source(name) or "default" for name in entries(RecipeSettings)}
        if self.operator is not None and layers.source("operator") is None:
            found["operator"] = f"{USER} (mask)"
        if layers.source("tile") is None and self.model.geometry.native_size:
            found["tile"] = source_of(self.prior)
        if layers.recipe.dtype in (None, "auto"):
            found["dtype"] = f"device {self.device}"
        if layers.recipe.exact and layers.recipe.dtype != "float32":
            found["dtype"] = f"{found['exact']} (exact)"
        return found


def set_up(settings: Settings, host: Host, model: Model | None = None) -> Setup:
    """What follows from the user's ``settings``, with a ``model`` that is loaded already, if there is one.

    DreamCleanError for settings that cannot be.
    """
    said, objects = said_by(settings)
    prior: Prior = _made(host, "prior", said.recipe, objects) or host.default_prior()
    _check_program(prior, said.source("prior"), settings)
    operator = operator_of(host, said.recipe, objects, settings)
    known, preset = operator is not None, settings.get("preset")
    if preset is not None and preset not in PRESETS:
        raise DreamCleanError(f"there is no preset '{preset}'; {there_are(PRESETS)}")
    default = entries()["device"].setting.default
    asked = settings.get("device") or default
    device, source = pick_device(asked), "default" if asked == default else USER
    wanted = said.over(source_of(prior), recommended(prior, operator)).recipe
    dtype = pick_dtype(exact_dtype(settings.get("dtype")) if wanted.exact else wanted.dtype, device)
    model = model or load(prior, device, dtype)
    if preset is not None:
        own: Planner | None = _made(host, "planner", said.recipe, objects)
        said = with_preset(said, preset, model.schedule, known, planned=own is not None and own.looks)
    said = with_planner(said, prior, operator, lambda: host.default("planner"))
    planner: Planner = _made(host, "planner", said.recipe, objects)
    _check_planner(planner, known, prior, said.recipe)
    parts = {kind: _made(host, kind, said.recipe, objects) for kind in PARTS}
    check_guidance(parts["guidance"], operator)
    tiles = None if wanted.tile == 0 else Tiles(model, wanted.tile)
    return Setup(host, said, prior, model, operator, planner, tiles, device, source, dtype, **parts)


def said_by(settings: Settings) -> tuple[Layers, dict[str, Component | Sequence[Any]]]:
    """The user's layers, and the components among them that were given as objects."""
    given = {name: value for name, value in settings.items() if name in entries(RecipeSettings)}
    said = Layers().over(USER, make_recipe(**given))
    recipe = settings.get("recipe")
    if recipe is not None:
        name = f"recipe {FilePath(recipe).name}" if isinstance(recipe, str | FilePath) else "recipe"
        said = said.over(name, recipe_of(recipe))
    return said, {name: value for name, value in given.items() if isinstance(value, Component | list | tuple)}


def _made(
    host: Host, kind: str, said: Recipe, objects: Mapping[str, Component | Sequence[Any]] = MappingProxyType({})
) -> Any:
    """The component of ``kind`` that was given or is ``said``; None if neither."""
    spec = objects.get(kind) or getattr(said, kind)
    return host.make(kind, spec) if spec else None


def operator_of(
    host: Host, said: Recipe, objects: Mapping[str, Component | Sequence[Any]], settings: Settings
) -> Operator | None:
    """The operator with its noise, and then the mask: noise is what the picture had, not what was masked."""
    noise, mask = settings.get("noise"), settings.get("mask")
    operator: Operator | None = _made(host, "operator", said, objects)
    if operator is None and mask is not None:
        operator, mask = with_mask(None, mask, host), None
    if operator is not None:
        return with_mask(with_noise(operator, noise), mask, host)
    if noise is not None:
        raise DreamCleanError("noise belongs to a known operator; give one too (identity, if there is noise alone)")
    return None


def _check_program(prior: Prior, source: str | None, settings: Settings) -> None:
    """DreamCleanError where it is a recipe's file that names a program to run."""
    if prior.program and source not in (None, USER) and isinstance(settings.get("recipe"), str | FilePath):
        raise DreamCleanError(
            f"{source} names a program as its prior, {prior.program}, which could do anything; "
            f"if you trust it, say it as well: --prior {prior}"
        )


def _check_planner(planner: Planner, known_operator: bool, prior: Prior, said: Recipe) -> None:
    """DreamCleanError where it cannot plan what is ``said``."""
    if why := planner.refuses(known_operator, prior):
        raise DreamCleanError(f"planner {planner.name} {why}")
    if planner.looks and said.strength is not None:
        raise DreamCleanError(
            f"planner {planner.name} chooses the strength itself; remove either the planner or the strength"
        )


def check_guidance(guidance: Guidance | None, operator: Operator | None) -> None:
    """DreamCleanError where the two do not go together."""
    if guidance is None:
        return
    if operator is None:
        raise DreamCleanError("guidance belongs to a known operator; give one too")
    if why := guidance.refuses(operator):
        raise DreamCleanError(f"guidance {guidance.name} cannot serve {operator.name}: {why}")
