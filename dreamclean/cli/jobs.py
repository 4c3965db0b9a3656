"""How commands treat pictures and folders: which are read, where results go, what fails."""

import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import rich.markup
import rich.progress
from rich.console import Console

from dreamclean.cli.streams import STREAM, reading, writing
from dreamclean.contracts.errors import ComponentError, DreamCleanError, DreamCleanWarning, Refusal
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.contracts.warn import show
from dreamclean.host.debug import told
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


def plan(sources: list[Path], output: Path | None, suffix: str, overwrite: bool) -> tuple[list[Job], list[Job]]:
    """The jobs of files and folders, and those of them that an earlier run has done.

    Results go to ``output``, else beside the source with ``-suffix`` in the name. A file that is there already is
    an error for a single picture; in a folder or of several pictures it is what an earlier run has done.
    """
    for source in sources:
        if source != STREAM and not source.exists():
            raise DreamCleanError(f"there is no file {source}")
    if len(sources) == 1 and not sources[0].is_dir():
        return [_single(sources[0], output, suffix, overwrite)], []
    if output and output.is_file():
        several = "several pictures'" if len(sources) > 1 else "a folder's"
        raise DreamCleanError(f"{output} cannot take {several} results; give -o another folder")
    jobs: list[Job] = []
    for source in filter(Path.is_dir, sources):
        inside = output / source.name if output and len(sources) > 1 else output
        folder = inside or source.with_name(f"{source.name}-{suffix}")
        if folder.is_file() or folder.resolve() == source.resolve():
            raise DreamCleanError(f"{folder} cannot take a folder's results; give -o another folder")
        jobs += _named(pictures_in(source), folder, "")
    files = [source for source in sources if not source.is_dir()]
    if output:
        jobs += _named(files, output, "")
    else:
        for folder in dict.fromkeys(path.parent for path in files):
            jobs += _named([path for path in files if path.parent == folder], folder, f"-{suffix}")
    _check_apart(jobs)
    done = [not overwrite and job.target.exists() for job in jobs]
    return [job for job, there in zip(jobs, done, strict=True) if not there], list(compress(jobs, done))


def _single(source: Path, output: Path | None, suffix: str, overwrite: bool) -> Job:
    """The job of one picture; DreamCleanError if its result cannot be written."""
    target = output or (STREAM if source == STREAM else source.with_name(f"{source.stem}-{suffix}.png"))
    if target == STREAM:
        return Job(source, target)
    if target.is_dir():
        target = target / f"{'standard-input' if source == STREAM else source.stem}.png"
    check_target(target, overwrite)
    return Job(source, target)


def _named(sources: list[Path], folder: Path, ending: str) -> list[Job]:
    """The jobs of ``sources`` with results in ``folder``: named by the stem, where that is not taken twice."""
    taken = Counter(name.lower() for path in sources for name in (path.stem, path.name))
    names = [path.stem if taken[path.stem.lower()] == 1 else path.name for path in sources]
    return [Job(path, folder / f"{name}{ending}.png") for path, name in zip(sources, names, strict=True)]


def _check_apart(jobs: list[Job]) -> None:
    """DreamCleanError if two results would go to one file, or one to a picture that is still to be read."""
    targets: dict[Path, Path] = {}
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        if job.target.resolve() in sources:
            raise DreamCleanError(f"the result of {job.source} would replace {job.target}; give -o another folder")
        if (other := targets.setdefault(job.target, job.source)) != job.source:
            raise DreamCleanError(f"{other} and {job.source} would both become {job.target}; do one after the other")


def run(
    jobs: list[Job],
    done: list[Job],
    one: Callable[[Job], dict[str, Any]],
    as_json: bool,
    say: Callable[[dict[str, Any]], str],
) -> bool:
    """Do the jobs one by one; what fails is reported at the end and the others are done. False if any failed.

    ``one`` does a job and returns what ``--json`` prints of it; ``say`` makes a few words of that. With ``--json``
    the jobs that were ``done`` before and those that fail have a line each as well.
    """
    for job in done if as_json else ():
        print(_line(job, "skipped"))
    if done:
        print(f"{len(done)} done before, left as they are (--overwrite does them again)", file=sys.stderr)
    failures = []
    for job in jobs:
        try:
            with warned_of(job.source):
                job.target.parent.mkdir(parents=True, exist_ok=True)
                with blame():
                    result = one(job)
        except Exception as error:
            if not (isinstance(error, DreamCleanError) or lacks_memory(error)):
                raise
            failures.append(_reason(job, error))
            if as_json:
                print(_line(job, "failed", error=failures[-1]), flush=True)
            continue
        if as_json:
            print(_line(job, "done", **result), flush=True)
        else:
            out = sys.stderr if job.target == STREAM else sys.stdout
            print(f"{job.source} -> {job.target} ({say(result)})", file=out, flush=True)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return not failures


def _line(job: Job, status: str, **more: Any) -> str:
    return json.dumps({"input": str(job.source), "output": str(job.target), "status": status, **more})


def _reason(job: Job, error: Exception) -> str:
    """A failure in one line that names the picture, which a DreamCleanError does by itself."""
    expected = isinstance(error, DreamCleanError) and not isinstance(error, ComponentError | Refusal)
    return told(error) if expected else f"{job.source}: {told(error)}"


@contextmanager
def warned_of(source: Path) -> Iterator[None]:
    """Warnings of this library are printed as ``warning: SOURCE: ...`` once the picture is done."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DreamCleanWarning)
        try:
            yield
        finally:
            _show(caught, source)


def _show(caught: list[warnings.WarningMessage], source: Path) -> None:
    for warning in caught:
        ours = issubclass(warning.category, DreamCleanWarning)
        message = f"{source}: {warning.message}" if ours else warning.message
        show(message, warning.category, warning.filename, warning.lineno)


def restored(restorer: "Restorer", job: Job, jobs: list[Job]) -> dict[str, Any]:
    """Restore one of ``jobs``, under a progress bar; what ``--json`` prints of it."""
    with reading(job.source) as source, writing(job.target) as target:
        with progress(f"{jobs.index(job) + 1}/{len(jobs)} {job.source.name}") as on_step:
            result = restorer(source, on_step=on_step)
        result.save(target)
    return {
        "nfe": result.nfe,
        "seconds": round(result.seconds, 4),
        "prior_seconds": round(result.prior_seconds, 4),
        "seed": result.recipe.seed,
        "summary": result.reports[0].summary() if result.reports else None,
        "report": result.reports[0].spec() if result.reports else None,
        "recipe": result.recipe.model_dump(mode="json", exclude_none=True),
    }


def said(result: dict[str, Any]) -> str:
    """A restoration in a few words: what was found, if it was looked for, and what it took."""
    words = f"{result['summary']}; " if result["summary"] else ""
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
