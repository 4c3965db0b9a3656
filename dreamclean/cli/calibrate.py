"""``dreamclean calibrate``. Heavy imports wait inside, so that ``--help`` is quick."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torch import Tensor

    from dreamclean.builtin.planners.diagnosis.samples import Treat
    from dreamclean.restorer import Restorer


def calibrate(
    prior: Annotated[str, typer.Argument(metavar="PRIOR", help="The model, name:key=value,...")],
    photos: Annotated[
        Path, typer.Argument(metavar="PHOTOS", help="A folder of clean photographs, best ones that it never saw.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write; unsaid: where the prior looks for it.")
    ] = None,
    samples: Annotated[int, typer.Option(min=36, help="Damaged crops to learn from.")] = 1800,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after so many, with the samples made.")] = None,
    side: Annotated[
        int | None, typer.Option(min=16, help="Of the crops in pixels; unsaid: 160, or the prior's own size if less.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...; auto: a GPU if there is one.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a calibration that is there.")] = False,
) -> None:
    """Learn to diagnose pictures with a prior: which damage its answers show.

    Photographs are damaged at random and the prior is asked about them. Stopped, the same command goes on where
    it was.
    """
    from dreamclean.builtin.planners.diagnosis.calibrate import check_output, run
    from dreamclean.builtin.planners.diagnosis.samples import Sampler
    from dreamclean.cli.jobs import pictures_in, progress_bar
    from dreamclean.contracts.errors import DreamCleanError
    from dreamclean.restorer import Restorer

    if not photos.is_dir():
        raise DreamCleanError(f"there is no folder {photos}; give a folder of clean photographs")
    files = pictures_in(photos)
    restorer = Restorer(prior, device=device, planner="auto")
    target = check_output(output, restorer.prior, overwrite)
    restorer.prior.prepare(restorer.device, restorer.dtype)
    sampler = Sampler(restorer.prior, treat_with(restorer), files, side, str(restorer.device))
    with progress_bar() as bar:
        task = bar.add_task("samples", total=samples)
        said = run(sampler, target, samples, minutes, lambda made: bar.update(task, completed=made))
    print(said, flush=True)


def treat_with(restorer: "Restorer") -> "Treat":
    """Restorations by a recipe with this restorer's prior."""
    from dreamclean.contracts.errors import DreamCleanWarning
    from dreamclean.restorer import Restorer

    def treat(image: "Tensor", recipe: Mapping[str, Any]) -> "Tensor":
        treated = Restorer(restorer.prior, **recipe, device=str(restorer.device), dtype=restorer.recipe.dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DreamCleanWarning)  # the prior is on trial
            return treated(image, seed=0).image

    return treat
