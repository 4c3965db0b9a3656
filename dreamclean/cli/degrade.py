"""``dreamclean degrade``. Heavy imports wait inside, so that ``--help`` is quick."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamclean.cli.options import AsJson, Inputs, Output, Overwrite, option
from dreamclean.contracts.errors import DreamCleanError

if TYPE_CHECKING:
    from dreamclean.cli.jobs import Job


def degrade(
    sources: Inputs,
    output: Output = None,
    operator: Annotated[str | None, option("operator")] = None,
    noise: Annotated[str | None, option("noise")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the measurement noise.")] = 0,
    max_megapixels: Annotated[float | None, option("max_megapixels")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make a degraded picture, to try restorations on."""
    from dreamclean.cli.jobs import plan
    from dreamclean.cli.outcome import one_by_one
    from dreamclean.cli.run import run
    from dreamclean.cli.streams import check_streams, reading, writing

    check_streams(sources, output, as_json)
    jobs, done = plan(sources, output, "degraded", overwrite)
    if not jobs:
        raise typer.Exit(0 if run([], done, as_json, lambda r: "") else 2)
    import torch

    from dreamclean.host.host import host
    from dreamclean.pictures.picture import Picture, save
    from dreamclean.recipe.noise import with_noise

    degradation = with_noise(host().make("operator", operator or "identity"), noise)
    if not degradation.viewable:
        raise DreamCleanError(f"a measurement of {degradation.name} is not a picture; compute it in Python")

    def one(job: "Job") -> dict[str, Any]:
        with reading(job.source) as source, writing(job.target) as target:
            picture = Picture.open(source, max_megapixels)
            measured = degradation.measure(picture.pixels, torch.Generator().manual_seed(seed))
            shown = measured[:, :1] if picture.grey else measured  # the mean of three would have less noise
            save(picture.with_pixels(shown, keep_grey=False), target)
        return {"operator": degradation.spec(), "seed": seed}

    raise typer.Exit(0 if run(one_by_one(jobs, one), done, as_json, lambda r: str(degradation)) else 2)
