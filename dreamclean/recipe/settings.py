"""The list of settings of a run, each said once.

``Recipe``, the signature of ``Restorer``, the options of ``dreamclean restore`` and ``explain``, and the tables in the
reference are made from it: a new setting is an entry here. Imports nothing heavy.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypedDict, get_args, get_type_hints

from dreamclean.contracts.brief import brief
from dreamclean.contracts.component import Component, Spec
from dreamclean.contracts.errors import InvalidSetting
from dreamclean.recipe.share import checked_share
from dreamclean.recipe.strength import checked_strength

if TYPE_CHECKING:
    from dreamclean.recipe.recipe import Recipe


@dataclass(frozen=True)
class Setting:
    """What there is to say about a setting beside its name and type."""

    description: str
    """One line, the help of its option too."""
    more: str = ""
    """What the reference adds."""
    default: Any = None
    """Its value where no layer says one; None: that is decided when layers are resolved."""
    ge: int | None = None
    lt: int | None = None
    check: Callable[[Any], Any] | None = None
    """The value as it is kept; ValueError for one that cannot be."""


class RecipeSettings(TypedDict, total=False):
    """What a recipe holds. Components are strings, ``"vps:gamma=0.05"``, config dicts or objects; None: not set."""

    prior: Annotated[Spec | None, Setting("The model of clean images, name:key=value,...")]
    operator: Annotated[
        Spec | None,
        Setting(
            "The known degradation, e.g. downsample:factor=4, or several: 'blur:std=1.2 | jpeg:quality=30'.",
            more="None: blind.",
        ),
    ]
    guidance: Annotated[
        Spec | None, Setting("How estimates are brought into agreement with the measurement, e.g. projection.")
    ]
    planner: Annotated[
        Spec | None,
        Setting(
            "How each picture's recipe is chosen, e.g. fixed.",
            more="With a strength, a preset or an operator it is fixed.",
        ),
    ]
    initializer: Annotated[Spec | None, Setting("How the picture is taken to the top noise level, e.g. matched-level.")]
    corrector: Annotated[Spec | None, Setting("The move within a level, e.g. vps:gamma=0.05.")]
    sampler: Annotated[Spec | None, Setting("The step to the next level.")]
    path: Annotated[Spec | None, Setting("The order in which noise levels are visited, e.g. descent.")]
    spacing: Annotated[
        Spec | None,
        Setting("How noise levels are distributed, e.g. uniform or karras:rho=7.", more="By default the model's own."),
    ]
    strength: Annotated[
        float | str | None,
        Setting("Top noise level: a timestep, or nsr:R for sigma / alpha = R.", check=checked_strength),
    ]
    steps: Annotated[int | None, Setting("Steps from the top level to the picture.", ge=1)]
    understate: Annotated[
        float | None,
        Setting(
            "Tell the network of less noise than there is, by this share: 0.05 is crisper, at some cost in PSNR.",
            more="By default 0; below 0.5.",
            check=checked_share,
        ),
    ]
    samples: Annotated[
        int | None,
        Setting(
            "How many results to average, each with random numbers of its own.",
            more="Higher PSNR and smoother, at as many times the evaluations; the seeds are consecutive.",
            default=1,
            ge=1,
        ),
    ]
    tile: Annotated[
        int | None,
        Setting(
            "Side of a large picture's tiles; 0: never cut.",
            more="In pixels; by default the prior's native size, or 768 where it has none.",
            ge=0,
        ),
    ]
    seed: Annotated[int | None, Setting("Seed of the random numbers; by default 0.", default=0, ge=0, lt=2**63)]
    dtype: Annotated[
        str | None,
        Setting(
            "Precision: auto, float32, bfloat16, float16.",
            more="By default bfloat16 where the processor computes in it, else float32.",
        ),
    ]
    exact: Annotated[
        bool | None,
        Setting(
            "Results that do not depend on the number of threads: float32, one thread.",
            more="Each image is computed alone, by deterministic algorithms.",
        ),
    ]


class Settings(RecipeSettings, total=False):
    """What ``Restorer`` takes: what a recipe holds, and what is of this run alone."""

    noise: Annotated[
        float | str | None,
        Setting(
            "Measurement noise: standard deviation on [0, 1], e.g. 0.1 or 25/255, or poisson:RATE.",
            more="It belongs to a known operator.",
        ),
    ]
    mask: Annotated[
        Path | str | Any | None,
        Setting(
            "A picture that marks what is to be filled in: white is damaged.",
            more="Of the picture's size; in Python also an array (H, W). A recipe carries it, as `inpaint`.",
        ),
    ]
    keep: Annotated[
        Path | str | Any | None,
        Setting(
            "A picture that marks what must not change: white is kept.",
            more="Of the picture's size, with a soft edge of a few pixels outside; in Python also an array (H, W).",
        ),
    ]
    preset: Annotated[str | None, Setting("Named settings: paper.")]
    recipe: Annotated[
        "Recipe | Mapping[str, Any] | Path | str | None",
        Setting(
            "A .toml or .json recipe, or a PNG that carries one.",
            more="In Python also a Recipe, or its fields as a dict.",
        ),
    ]
    device: Annotated[str | None, Setting("cpu, cuda, ...; auto: a GPU if there is one.", default="auto")]
    max_megapixels: Annotated[
        float | None,
        Setting("Refuse larger pictures, in millions of pixels; by default, what fits into memory."),
    ]


class Entry(NamedTuple):
    """A setting of the list: its name, its type, and what there is to say about it."""

    name: str
    type: Any
    setting: Setting

    @property
    def types(self) -> tuple[Any, ...]:
        """Those that its type is a union of."""
        return get_args(self.type)

    @property
    def component(self) -> bool:
        """Whether it is a component, of the kind with the setting's name."""
        return Component in self.types


_Recipe = type("Recipe", (), {})
"""Stands for the class, which is made of this list."""


@cache
def entries(of: type = Settings) -> dict[str, Entry]:
    """The settings of a list, ``Settings`` or ``RecipeSettings``, by name and in order."""
    hints = get_type_hints(of, localns={"Recipe": _Recipe}, include_extras=True)
    return {name: Entry(name, hint.__origin__, hint.__metadata__[0]) for name, hint in hints.items()}


KINDS = tuple(name for name, entry in entries(RecipeSettings).items() if entry.component)
"""The settings that are components, each called by its kind."""


def check_names(given: Iterable[str]) -> None:
    """InvalidSetting for a name that is not a setting."""
    known = entries()
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
            raise InvalidSetting(f"there is no setting {brief(name)}; {hint}")


def signature_with(call: Callable[..., Any]) -> inspect.Signature:
    """That of a method, with every setting in place of its ``**settings``; the prior may come by place."""
    own = [parameter for parameter in inspect.signature(call).parameters.values() if parameter.name not in entries()]
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=entry.type)
        for name, entry in entries().items()
    ]
    first = named[0].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
    kept = [parameter for parameter in own if parameter.kind is parameter.KEYWORD_ONLY]
    return inspect.Signature([first, *named[1:], *kept])
