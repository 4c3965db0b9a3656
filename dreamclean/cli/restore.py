"""``dreamclean restore``. Heavy imports wait inside, so that ``--help`` is quick."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamclean.cli.options import AsJson, Inputs, Output, Overwrite, restorer_of, with_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dreamclean.cli.jobs import Job
    from dreamclean.cli.outcome import Outcome
    from dreamclean.cli.progress import Bars
    from dreamclean.restorer import Restorer


Workers = Annotated[int, typer.Option(min=1, help="Processes that share the pictures and this machine's cores.")]
Shard = Annotated[
    str | None,
    typer.Option(metavar="I/N", help="Restore only share I of N, to divide the pictures among N machines."),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(help="Write a .csv or .json file with one line for each picture: damage found, evaluations, errors."),
]
Figure = Annotated[
    Path | None, typer.Option(help="Of one picture: draw what was found and what was done into this .png file.")
]


@with_settings
def restore(
    sources: Inputs,
    output: Output = None,
    *,
    workers: Workers = 1,
    shard: Shard = None,
    report: ReportFile = None,
    explain: Figure = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    **settings: Any,
) -> None:
    """Restore pictures, or every picture of a folder and of the folders inside it.

    A setting that you do not give comes from the recipe, then the preset, then the prior's own recommendation.
    By default, each picture is diagnosed: by its file, its pixels and the prior's answers. What was found is undone; a
    picture that is clean, or whose damage is not understood, is left as it is. If you know the degradation, describe
    it with --operator.
    """
    from dreamclean.cli.jobs import plan
    from dreamclean.cli.progress import bars
    from dreamclean.cli.report import Report
    from dreamclean.cli.restored import said
    from dreamclean.cli.run import run
    from dreamclean.cli.shard import shard_of
    from dreamclean.cli.streams import check_streams

    check_streams(sources, output, as_json)
    jobs, done = plan(sources, output, "restored", overwrite, shard_of(shard))
    if explain:
        _check_explain(explain, sources, jobs, overwrite)
    lines = Report(report) if report else None
    if not jobs:
        raise typer.Exit(0 if run([], done, as_json, said, lines) else 2)
    restorer = restorer_of(settings)
    with bars(len(jobs)) as shown:
        well = run(_outcomes(jobs, restorer, workers, shown, explain), done, as_json, said, lines, shown)
    raise typer.Exit(0 if well else 2)


def _check_explain(explain: Path, sources: list[Path], jobs: "list[Job]", overwrite: bool) -> None:
    """DreamCleanError unless there is one picture and ``explain`` can be drawn."""
    from dreamclean.builtin.planners.diagnosis.sheet import check
    from dreamclean.cli.figures import check_figure
    from dreamclean.contracts.errors import DreamCleanError

    if len(sources) > 1 or sources[0].is_dir():
        raise DreamCleanError("--explain is for one picture; give one file")
    check(explain)
    check_figure(explain, overwrite, (path for job in jobs for path in job))


def _outcomes(
    jobs: "list[Job]", restorer: "Restorer", workers: int, shown: "Bars", explain: Path | None
) -> "Iterable[Outcome]":
    """Of the jobs, done here or by several processes."""
    if workers > 1 and len(jobs) > 1:
        from dreamclean.cli.workers import in_workers

        return in_workers(jobs, restorer, min(workers, len(jobs)))
    from dreamclean.cli.outcome import one_by_one
    from dreamclean.cli.restored import restored

    return one_by_one(jobs, lambda job: restored(restorer, job, shown.picture, explain))
