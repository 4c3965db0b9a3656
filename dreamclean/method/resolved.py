"""What a run needs, decided: every component made, every value with the layer that it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dreamclean.contracts.component import CHAIN, string_form
from dreamclean.contracts.corrector import Corrector
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.initializer import Initializer
from dreamclean.contracts.levels import Level
from dreamclean.contracts.model import Model
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.path import Path
from dreamclean.contracts.prior import Prior
from dreamclean.contracts.sampler import Sampler
from dreamclean.contracts.spacing import Spacing
from dreamclean.method.tiling import Tiles
from dreamclean.recipe.recipe import Recipe


@dataclass(frozen=True)
class Resolved:
    """The settings of a run. Nothing is left open: no operator means blind, and then there is no guidance."""

    prior: Prior
    model: Model
    """What the prior loaded."""
    operator: Operator | None
    guidance: Guidance | None
    initializer: Initializer
    corrector: Corrector
    sampler: Sampler
    path: Path
    spacing: Spacing
    levels: Sequence[Level]
    """From the picture up to the top."""
    tiles: Tiles | None
    """None: nothing is cut."""
    recipe: Recipe
    """The same in words, with the packages involved."""
    sources: Mapping[str, str]
    """The layer that each of the recipe's fields came from."""

    def with_operator(self, operator: Operator | None) -> "Resolved":
        """The same with ``operator`` as this picture's."""
        return replace(self, operator=operator)


def recipe_of_run(recipe: Recipe, seed: int, tiles: Tiles | None) -> Recipe:
    """The recipe of a result: with its seed, and tiles as small as a lack of memory may have made them."""
    return recipe.model_copy(update={"seed": seed, "tile": side(tiles)})


def side(tiles: Tiles | None) -> int:
    """Side of the tiles in pixels; 0: nothing is cut."""
    return tiles.side if tiles else 0


def written(values: Mapping[str, Any]) -> str:
    """A component's config dict in the string form."""
    if values["name"] == CHAIN:
        return " | ".join(map(written, values["links"]))
    return string_form(values["name"], {k: value for k, value in values.items() if k != "name" and value is not None})
