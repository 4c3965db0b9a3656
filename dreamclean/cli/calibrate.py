"""``dreamclean calibrate``. Heavy imports wait inside, so that ``--help`` is quick."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamclean.cli.options import option
from dreamclean.contracts.errors import DreamCleanError, DreamCleanWarning

if TYPE_CHECKING:
    from torch import Tensor

    from dreamclean.builtin.planners.diagnosis.samples import Treat
    from dreamclean.restorer import Restorer


Photos = Annotated[
    Path,
    typer.Argument(
        metavar="PHOTOS", help="A folder of clean photographs, preferably none that the prior was trained on."
    ),
]
Target = Annotated[
    Path | None, typer.Option("-o", "--output", help="The file to write; by default, where the prior looks for it.")
]
Minutes = Annotated[
    float | None, typer.Option(min=0, help="Stop after this many minutes and fit the samples made so far.")
]
Side = Annotated[
    int | None,
    typer.Option(
        min=16, help="Side of the crops in pixels; by default 160, or the prior's native size if that is less."
    ),
]


def calibrate(
    prior: Annotated[str, typer.Argument(metavar="PRIOR", help="The model, name:key=value,...")],
    photos: Photos,
    output: Target = None,
    samples: Annotated[int, typer.Option(min=46, help="Damaged crops to learn from.")] = 1800,
    minutes: Minutes = None,
    side: Side = None,
    device: Annotated[str, option("device")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing calibration.")] = False,
) -> None:
    """Learn to diagnose pictures with a prior, from photographs.

    Photographs are damaged at random, and the prior's estimates of them are recorded. If it is
    stopped, the same command continues where it stopped.
    """
    from dreamclean.builtin.planners.diagnosis.calibrate import check_output, run
    from dreamclean.builtin.planners.diagnosis.samples import Sampler
    from dreamclean.cli.progress import progress_bar
    from dreamclean.cli.walk import pictures_in
    from dreamclean.restorer import Restorer

    if not photos.is_dir():
        raise DreamCleanError(f"there is no folder {photos}; give a folder of clean photographs")
    files = pictures_in(photos)
    restorer = Restorer(prior, device=device, planner="auto")
    target = check_output(output, restorer.prior, overwrite)
    sampler = Sampler(restorer.prior, restorer.model, treat_with(restorer), files, side, str(restorer.device))
    with progress_bar() as bar:
        task = bar.add_task("samples", total=samples)
        said = run(sampler, target, samples, minutes, lambda made: bar.update(task, completed=made))
    print(said, flush=True)


def treat_with(restorer: "Restorer") -> "Treat":
    """Restorations by a recipe with this restorer's model."""
    from dreamclean.restorer import Restorer

    def treat(image: "Tensor", recipe: Mapping[str, Any]) -> "Tensor":
        where: dict[str, Any] = {"device": str(restorer.device), "dtype": restorer.recipe.dtype}
        treated = Restorer(restorer.prior, model=restorer.model, **where, **recipe)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DreamCleanWarning)  # the prior is on trial
            return treated(image, seed=0).image

    return treat
