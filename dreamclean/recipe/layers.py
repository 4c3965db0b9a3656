"""Layers of settings: recipes one over the other, each with the name of who says it."""

from dataclasses import dataclass
from functools import reduce

from dreamclean.contracts.component import Component
from dreamclean.recipe.recipe import Recipe

USER = "you"
"""The name of the layer that the user's own arguments make."""


def source_of(component: Component) -> str:
    """The name of the layer that a prior or a planner makes."""
    return f"{component.kind} {component.name or type(component).__name__}"


@dataclass(frozen=True)
class Layers:
    """Recipes by name, the uppermost first: the first that sets a field decides it."""

    layers: tuple[tuple[str, Recipe], ...] = ()

    def over(self, name: str, recipe: Recipe) -> "Layers":
        """These layers, with ``recipe`` as one more under them."""
        return Layers((*self.layers, (name, recipe)))

    @property
    def recipe(self) -> Recipe:
        """What they come to."""
        return reduce(Recipe.over, (recipe for _, recipe in self.layers), Recipe())

    def source(self, field: str) -> str | None:
        """The name of the layer that decides ``field``; None: none sets it."""
        return next((name for name, recipe in self.layers if recipe.said().get(field) is not None), None)
