"""What a command does with a picture or a folder of pictures: which are read, where results go, what fails."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import rich.markup
import rich.progress
from rich.console import Console

from dreamclean.cli.debug import told
from dreamclean.contracts.errors import ComponentError, DreamCleanError
from dreamclean.method.blame import blame
from dreamclean.pictures.foreign import foreign
from dreamclean.pictures.picture import check_target, is_picture

if TYPE_CHECKING:
    from dreamclean.restorer import Restorer


class Job(NamedTuple):
    """One picture to be read and where its result goes."""

    source: Path
    target: Path


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of ``folder``, sorted by name; of others that are pictures it is said that they are not read.

    DreamCleanError if there is none that is read.
    """
    found = sorted(folder.iterdir())
    sources = [path for path in found if is_picture(path)]
    skipped = [path.name for path in found if not is_picture(path) and foreign(path) and path.is_file()]
    said = ", ".join(skipped[:3] + ["..."] * (len(skipped) > 3))
    if not sources:
        also = (
            f" that is read: HEIC and RAW files are not ({said}); make them PNG, TIFF or JPEG first" if skipped else ""
        )
        raise DreamCleanError(f"there is no picture in {folder}{also}")
    if skipped:
        print(
            f"{len(skipped)} skipped, as HEIC and RAW files are not read ({said}); make them PNG, TIFF or JPEG first",
            file=sys.stderr,
        )
    return sources


def plan(source: Path, output: Path | None, suffix: str, overwrite: bool) -> tuple[list[Job], int]:
    """The jobs of a file or a folder, and how many of the folder's were done before.

    Results go to ``output``, else beside the source with ``-suffix`` in the name. A file that is there
    already is an error for a single picture; in a folder it is what an earlier run has done.
    """
    if not source.exists():
        raise DreamCleanError(f"there is no file {source}")
    if not source.is_dir():
        target = output or source.with_name(f"{source.stem}-{suffix}.png")
        if target.is_dir():
            target = target / f"{source.stem}.png"
        check_target(target, overwrite)
        return [Job(source, target)], 0
    folder = output or source.with_name(f"{source.name}-{suffix}")
    if folder.is_file() or folder.resolve() == source.resolve():
        raise DreamCleanError(f"{folder} cannot take a folder's results; give -o another folder")
    sources = pictures_in(source)
    taken = Counter(name.lower() for path in sources for name in (path.stem, path.name))
    names = [path.stem if taken[path.stem.lower()] == 1 else path.name for path in sources]
    jobs = [Job(path, folder / f"{name}.png") for path, name in zip(sources, names, strict=True)]
    left = [job for job in jobs if overwrite or not job.target.exists()]
    return left, len(jobs) - len(left)


def run(
    jobs: list[Job],
    done: int,
    one: Callable[[Job], dict[str, Any]],
    as_json: bool,
    say: Callable[[dict[str, Any]], str],
) -> bool:
    """Do the jobs one by one; what fails is reported at the end and the others are done. False if any failed.

    ``one`` does a job and returns what ``--json`` prints of it; ``say`` makes a few words of that.
    """
    if done:
        print(f"{done} done before, left as they are (--overwrite does them again)", file=sys.stderr)
    failures = []
    for job in jobs:
        try:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            with blame():
                result = one(job)
        except DreamCleanError as error:
            failures.append(f"{job.source}: {told(error)}" if isinstance(error, ComponentError) else told(error))
            continue
        except (RuntimeError, MemoryError) as error:  # torch's word for a lack of memory, among others
            failures.append(f"{job.source}: {told(error)}")
            continue
        if as_json:
            print(json.dumps({"input": str(job.source), "output": str(job.target), **result}), flush=True)
        else:
            print(f"{job.source} -> {job.target} ({say(result)})", flush=True)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return not failures


def restored(restorer: "Restorer", job: Job, jobs: list[Job]) -> dict[str, Any]:
    """Restore one of ``jobs``, under a progress bar; what ``--json`` prints of it."""
    from dreamclean.builtin.planners.diagnosis.auto import CannotTell

    try:
        with progress(f"{jobs.index(job) + 1}/{len(jobs)} {job.source.name}") as on_step:
            result = restorer(job.source, on_step=on_step)
    except CannotTell as error:
        raise DreamCleanError(f"{job.source}: {error}") from None
    result.save(job.target)
    return {
        "nfe": result.nfe,
        "seconds": round(result.seconds, 4),
        "prior_seconds": round(result.prior_seconds, 4),
        "seed": result.recipe.seed,
        "diagnosis": result.diagnoses[0].spec() if result.diagnoses else None,
        "recipe": result.recipe.model_dump(mode="json", exclude_none=True),
    }


def said(result: dict[str, Any]) -> str:
    """A restoration in a few words: what was found, if it was looked for, and what it took."""
    found = result["diagnosis"]
    words = f"{found['family']}{'' if found['ratio'] else ', left as it is'}; " if found else ""
    return f"{words}{result['nfe']} evaluations, {result['seconds']:.1f} s"


def progress_bar() -> rich.progress.Progress:
    """A bar on standard error where that is a terminal, gone when done.

    Standard output is left alone, so that ``--json`` can be piped.
    """
    console = Console(stderr=True)
    return rich.progress.Progress(
        console=console, transient=True, disable=not console.is_terminal, redirect_stdout=False, redirect_stderr=False
    )


@contextmanager
def progress(label: str) -> Iterator[Callable[[Any], None]]:
    """A listener to steps that draws a bar."""
    with progress_bar() as bar:
        task = bar.add_task(rich.markup.escape(label), total=None)
        yield lambda step: bar.update(task, completed=step.index, total=step.total)
