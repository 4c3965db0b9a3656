"""Doing a task, in the worker's process."""

import warnings
from pathlib import Path
from typing import Any

from dreamclean import Diagnosis, DreamCleanError, DreamCleanWarning
from dreamclean.cli.planners import reported
from dreamclean.contracts.errors import Refusal
from dreamclean.method.measured import measured
from dreamclean.pictures.decoding import check_limit
from dreamclean.pictures.picture import Picture
from dreamclean_app.limits import Limits
from dreamclean_app.work.restorers import Restorers
from dreamclean_app.work.tasks import Look, Looked, Restore, Restored
from dreamclean_app.work.watch import Watched


def look(task: Look, restorers: Restorers, watched: Watched) -> Looked:
    """The diagnosis of a picture, as ``dreamclean diagnose`` gives it."""
    from dreamclean.builtin.planners.diagnosis.figure import draw

    report = reported(restorers.make(task.settings, watched).plan(task.picture))
    figure: Path | None = None
    if isinstance(report, Diagnosis) and report.ratios:
        draw({task.name: report}, task.figure)
        figure = task.figure
    return Looked(report.words(), report.spec(), figure)


def restore(task: Restore, restorers: Restorers, watched: Watched, limits: Limits) -> Restored:
    """Restore a picture and write its PNG, as ``dreamclean restore`` does."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DreamCleanWarning)
        restorer = restorers.make(task.settings, watched)
        check_result(restorer.operator, task.picture, limits)
        decode = restorer.model.codec.decode
        try:
            result = restorer(task.picture, on_step=lambda step: watched.step(step, decode))
        except Refusal as refusal:
            raise DreamCleanError(str(refusal)) from None
    result.save(task.target)
    said = [str(one.message) for one in caught if issubclass(one.category, DreamCleanWarning)]
    if len(result.frames) > 1:
        said.append(
            f"this is the first of {len(result.frames)} pictures in the file; dreamclean restore writes all of them"
        )
    report = result.reports[0] if result.reports else None
    return Restored(
        task.target,
        result.image.size,
        result.nfe,
        result.seconds,
        report.summary() if report else "",
        report.spec() if report else None,
        result.recipe.model_dump(mode="json", exclude_none=True),
        said,
    )


def check_result(operator: Any, picture: Path, limits: Limits) -> None:
    """DreamCleanError where a picture that an operator makes larger would be larger than the limit."""
    if operator is None:
        return
    y, operator = measured(Picture.open(picture, limits.megapixels).pixels, operator)
    height, width = operator.image_shape(y)[-2:]
    most = check_limit(limits.megapixels)
    if height * width > most * 1e6:
        raise DreamCleanError(
            f"the result would have {height * width / 1e6:.4g} megapixels, more than {most:.4g}; "
            "give a smaller picture or a smaller factor"
        )
