"""Restoring one picture for the command line."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamclean.cli.jobs import Job
from dreamclean.cli.streams import reading, writing

if TYPE_CHECKING:
    from dreamclean.method.restoration import Restoration
    from dreamclean.pictures.picture import Picture
    from dreamclean.restorer import Restorer

Watch = Callable[[str], AbstractContextManager[Callable[[Any], None]]]
"""Opens a progress bar for a picture's name, and gives a listener to its steps."""


def restored(restorer: "Restorer", job: Job, watch: Watch | None = None, explain: Path | None = None) -> dict[str, Any]:
    """Restore a picture, and draw into ``explain`` how that came about; what ``--json`` prints of it."""
    with reading(job.source) as source, writing(job.target) as target:
        if watch:
            with watch(job.source.name) as on_step:
                result = restorer(source, on_step=on_step)
        else:
            result = restorer(source)
        given = _given(source, result) if explain else None  # before the result may take its place
        result.save(target)
        if explain and given:
            _explained(given, result, explain)
    return {
        **({"frames": len(result.frames)} if result.frames else {}),
        "nfe": result.nfe,
        "seconds": round(result.seconds, 4),
        "prior_seconds": round(result.prior_seconds, 4),
        "seed": result.recipe.seed,
        "summary": result.reports[0].summary() if result.reports else None,
        "report": result.reports[0].spec() if result.reports else None,
        "recipe": result.recipe.model_dump(mode="json", exclude_none=True),
    }


def _given(source: Path, result: "Restoration[Any]") -> "Picture":
    """The picture that was restored, of several the first."""
    from dreamclean.pictures.frames import frames_of
    from dreamclean.pictures.picture import Picture

    no_limit = float("inf")  # it has been read before
    return Picture.from_pil(frames_of(source, no_limit)[0]) if result.frames else Picture.open(source, no_limit)


def _explained(given: "Picture", result: "Restoration[Any]", explain: Path) -> None:
    from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
    from dreamclean.builtin.planners.diagnosis.sheet import draw
    from dreamclean.pictures.picture import Picture

    found = result.reports[0] if result.reports else None
    made = Picture.from_pil(result.image)
    draw(given.pixels, found if isinstance(found, Diagnosis) else None, made.pixels, explain)


def said(result: dict[str, Any]) -> str:
    """A restoration in a few words: what was found, if it was looked for, and what it took."""
    words = f"{result['summary']}; " if result["summary"] else ""
    words += f"{result['frames']} pictures, " if "frames" in result else ""
    return f"{words}{result['nfe']} evaluations, {result['seconds']:.1f} s"
