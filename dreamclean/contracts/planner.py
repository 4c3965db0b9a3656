"""The contract of a planner: what to do with a picture."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from torch import Tensor

from dreamclean.contracts.component import Component
from dreamclean.contracts.model import Model
from dreamclean.contracts.prior import Prior


class Report(Protocol):
    """What a planner found, for people and programs."""

    def words(self) -> str:
        """In one line."""

    def summary(self) -> str:
        """In a few words, for the line about a restoration."""

    def spec(self) -> dict[str, Any]:
        """As JSON-ready values."""


@dataclass(frozen=True)
class Plan:
    """What to do with one picture."""

    recipe: Mapping[str, Any] | None = field(default_factory=dict)
    """Fields of a recipe, possibly with an operator; the user's settings go first. None: leave the picture as it is."""
    report: Report | None = None
    refusal: str = ""
    """Why nothing can be done, and what the user can do about it: the error of a restoration."""


class Planner(Component):
    """A way to decide what a picture needs."""

    kind: ClassVar[str] = "planner"
    looks: ClassVar[bool] = True
    """Whether it has a plan for each picture. If not, the recipe is used unchanged, and batches are run whole."""

    def refuses(self, known_operator: bool, prior: Prior) -> str:
        """Why it cannot plan here, in a few words; empty if it can."""
        return ""

    def strongest(self, prior: Prior) -> float | None:
        """The highest noise-to-signal ratio that its plans start from; None: unknown."""
        return None

    @abstractmethod
    def __call__(self, image: Tensor, info: Mapping[str, Any], prior: Prior, model: Model) -> Plan:
        """The plan of one ``image`` (1, 3, H, W) in [0, 1], on its model's device.

        ``info`` is information from its file: ``transparent``, whether all of it is; ``jpeg``, the settings of the
        operator ``jpeg`` that compressed it, or None; of a tensor False and None. ``model`` is what ``prior`` loaded: ``model.predict(x, level)`` is
        one evaluation, counted, for latents of any size. DreamCleanError if nothing can be said.
        """

    def review(self, image: Tensor, plan: Plan, result: Tensor, model: Model) -> Plan | None:
        """A plan in the place of ``plan``, where the ``result`` (1, 3, H', W') that it led to cannot be right.

        Asked once after a restoration, with the arguments that ``__call__`` had. None, the default: it stands.
        """
        return None
