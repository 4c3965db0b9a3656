"""Options of the commands, made from the list of settings. Heavy imports wait inside, so that ``--help`` is quick."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamclean.cli.planners import ENLARGE, HELP, SHORTCUTS, with_shortcuts
from dreamclean.recipe.settings import entries

if TYPE_CHECKING:
    from dreamclean.restorer import Restorer

ORDER = [
    "prior",
    "initializer",
    "corrector",
    "sampler",
    "path",
    "spacing",
    "operator",
    "enlarge",
    "guidance",
    "planner",
    "noise",
    "mask",
    "keep",
    "steps",
    "strength",
    "preset",
    "recipe",
    "detail",
    "tone",
    "samples",
    "tile",
    "seed",
    "device",
    "dtype",
    "max_megapixels",
]
"""Of the help; what is not here comes after it."""
DEFAULTS = {"device": entries()["device"].setting.default}
"""Those that help shows."""
TYPES = (Path, str, bool, int, float)
"""What an option may take; of a setting that takes several, the first."""

Inputs = Annotated[
    list[Path], typer.Argument(metavar="IN", help="Pictures or folders of pictures; - for standard input.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", help="Where to write the result; for several pictures a folder; - for standard output (PNG)."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


def option(name: str) -> Any:
    """The option for a setting, with its help and bounds: ``tile: Annotated[int | None, option("tile")] = None``."""
    setting = entries()[name].setting
    flag = f"--{name.replace('_', '-')}"
    words = f"{flag}/--no-{flag[2:]}" if _type(name) is bool else flag
    return typer.Option(words, min=setting.ge, help=HELP.get(name, setting.description))


def _type(name: str) -> Any:
    return next(kind for kind in TYPES if kind in entries()[name].types)


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` with an option for each setting, and the planners' shortcuts, in place of its ``**settings``.

    They come before the options of its own, which are the arguments after ``*``.
    """
    options = {name: Annotated[_type(name) | None, option(name)] for name in entries()} | SHORTCUTS | ENLARGE
    made = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS.get(name), annotation=options[name])
        for name in sorted(options, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    ]
    own = inspect.signature(command).parameters.values()
    first = [parameter for parameter in own if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    last = [parameter for parameter in own if parameter.kind is parameter.KEYWORD_ONLY]

    @wraps(command)
    def called(**arguments: Any) -> None:
        command(**arguments)

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*first, *made, *last)]
    vars(called)["__signature__"] = inspect.Signature(parameters)
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def restorer_of(settings: dict[str, Any]) -> "Restorer":
    """The restorer of such options."""
    from dreamclean.contracts.errors import DreamCleanError
    from dreamclean.restorer import Restorer

    if enlarge := settings.pop("enlarge"):
        if settings["operator"] is not None:
            raise DreamCleanError("--enlarge is an operator of its own; give either --enlarge or --operator")
        settings = {**settings, "operator": f"downsample:factor={enlarge},method=bicubic"}
    return Restorer(**with_shortcuts(settings))
