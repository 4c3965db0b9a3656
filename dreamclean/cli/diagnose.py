"""``dreamclean diagnose``. Heavy imports wait inside, so that ``--help`` is quick."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def diagnose(
    sources: Annotated[
        list[Path], typer.Argument(metavar="IN", help="Pictures, folders of pictures; -: standard input.")
    ],
    prior: Annotated[str | None, typer.Option(help="The model of clean images, name:key=value,...")] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the curves into this .png or .svg file.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...; auto: a GPU if there is one.")] = "auto",
    max_megapixels: Annotated[
        float | None,
        typer.Option(help="Refuse larger pictures, in millions of pixels; by default, what fits into memory."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Tell what damage a picture has, and at which noise level its restoration would start."""
    from dreamclean.cli.planners import reported
    from dreamclean.cli.streams import STREAM, check_streams, reading
    from dreamclean.cli.walk import pictures_in
    from dreamclean.contracts.errors import DreamCleanError
    from dreamclean.host.debug import told
    from dreamclean.restorer import Restorer

    check_streams(sources, None, as_json)
    for source in sources:
        if source != STREAM and not source.exists():
            raise DreamCleanError(f"there is no file {source}")
    paths = [path for source in sources for path in (pictures_in(source) if source.is_dir() else [source])]
    if figure:
        from dreamclean.builtin.planners.diagnosis.figure import check

        check(figure)
    restorer, found, failures = Restorer(prior, device=device, max_megapixels=max_megapixels), {}, []
    for path in paths:
        try:
            with reading(path) as file:
                found[path] = reported(restorer.plan(file))
        except DreamCleanError as error:
            failures.append(told(error))
            if as_json:
                print(json.dumps({"input": str(path), "status": "failed", "error": failures[-1]}), flush=True)
            continue
        line = {"input": str(path), "status": "done", **found[path].spec()}
        print(json.dumps(line) if as_json else f"{path}: {found[path].words()}", flush=True)
    if figure and found:
        from dreamclean.builtin.planners.diagnosis.diagnose import Diagnosis
        from dreamclean.builtin.planners.diagnosis.figure import draw

        draw({path.name: report for path, report in found.items() if isinstance(report, Diagnosis)}, figure)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    raise typer.Exit(2 if failures else 0)
