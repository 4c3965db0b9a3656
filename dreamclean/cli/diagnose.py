"""``dreamclean diagnose``. Heavy imports wait inside, so that ``--help`` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from dreamclean.cli.options import AsJson, Inputs, Overwrite, option


def diagnose(
    sources: Inputs,
    prior: Annotated[str | None, option("prior")] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the curves into this .png or .svg file.")] = None,
    device: Annotated[str, option("device")] = "auto",
    max_megapixels: Annotated[float | None, option("max_megapixels")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Tell what damage a picture has, and at which noise level its restoration would start."""
    from dreamclean.cli.looks import look_at, pictures_of
    from dreamclean.cli.planners import reported
    from dreamclean.restorer import Restorer

    paths = pictures_of(sources, as_json)
    if figure:
        from dreamclean.builtin.planners.diagnosis.figure import check
        from dreamclean.cli.figures import check_figure

        check(figure)
        check_figure(figure, overwrite, paths)
    restorer = Restorer(prior, device=device, max_megapixels=max_megapixels)
    found, well = look_at(
        paths,
        lambda file: reported(restorer.plan(file)),
        as_json,
        lambda path, report: f"{path}: {report.words()}",
        lambda report: report.spec(),
    )
    if figure and found:
        from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
        from dreamclean.builtin.planners.diagnosis.figure import draw

        draw({path.name: report for path, report in found.items() if isinstance(report, Diagnosis)}, figure)
    raise typer.Exit(0 if well else 2)
