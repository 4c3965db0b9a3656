"""``dreamclean ray``. Heavy imports wait inside, so that ``--help`` is quick."""

from importlib.util import find_spec
from typing import Annotated, Any

import typer

from dreamclean import DreamCleanError
from dreamclean.cli.options import restorer_of, with_settings

ray = typer.Typer(no_args_is_help=True, help="Restore pictures on a Ray cluster.", rich_markup_mode=None)


@ray.callback()
def group() -> None:
    """Restore pictures on a Ray cluster."""


@ray.command()
@with_settings
def restore(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Folder of pictures: a path, or a URL such as s3://bucket/photos.")
    ],
    target: Annotated[str, typer.Argument(metavar="OUTPUT", help="Folder for the results: a path or a URL.")],
    *,
    address: Annotated[
        str | None, typer.Option(help="Of the Ray cluster, as ray.init takes it; none: RAY_ADDRESS, else this machine.")
    ] = None,
    actors: Annotated[
        int | None, typer.Option(min=1, help="Processes that restore; none: one for each GPU, else for each CPU.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each actor.")] = 1,
    gpus: Annotated[
        float | None, typer.Option(min=0, help="GPUs of each actor, e.g. 0.5; none: 1 if the cluster has any, else 0.")
    ] = None,
    report: Annotated[
        str | None, typer.Option(help="Folder for the Parquet files of the report; none: OUTPUT/report.parquet.")
    ] = None,
    **settings: Any,
) -> None:
    """Restore every picture of a folder, and of the folders inside it, on a Ray cluster.

    INPUT, OUTPUT and the report may lie on any file system that pyarrow or fsspec knows, if every machine reaches it.
    Results that are there already are left alone, so the same command continues a run that was stopped.
    """
    for package in ("ray", "pyarrow", "fsspec"):
        if find_spec(package) is None:
            raise DreamCleanError(f"{package} is not there; install it with pip install dreamclean-ray")
    from dreamclean_ray.cluster import connected, pool_of
    from dreamclean_ray.place import place
    from dreamclean_ray.run import run
    from dreamclean_ray.task import Task

    restorer_of({**settings, "device": "cpu"})  # an error in the settings is told before anything starts
    task = Task(place(source), place(target), settings)
    lines = place(report) if report else task.target.inside("report.parquet")
    task.check()
    with connected(address) as grows:
        well = run(task, pool_of(actors, threads, gpus, grows), lines)
    raise typer.Exit(0 if well else 2)
