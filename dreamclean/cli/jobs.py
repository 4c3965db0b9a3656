"""Which pictures a command reads, and where their results go."""

import os
from collections import Counter
from itertools import compress
from pathlib import Path
from typing import NamedTuple

from dreamclean.cli.shard import Shard, belongs
from dreamclean.cli.streams import STREAM
from dreamclean.cli.walk import pictures_in
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.frames import holds_pages
from dreamclean.pictures.picture import check_target, embedded_recipe, names_result

_LONGEST = 255
"""Bytes of a file's name, as most file systems allow."""


class Job(NamedTuple):
    """One picture to be read and where its result goes."""

    source: Path
    target: Path


def plan(
    sources: list[Path], output: Path | None, suffix: str, overwrite: bool, shard: Shard | None = None
) -> tuple[list[Job], list[Job]]:
    """The jobs of files and folders, and those of them that an earlier run has done.

    Results go to ``output``, else beside the source with ``-suffix`` in the name; those of a folder into folders like
    its own. A file that is there already is an error for a single picture; in a folder or of several pictures it is
    what an earlier run has done, and if it is among the ``sources`` it is not restored once more. With ``shard`` only
    its share of the pictures. A source that is given twice counts once.
    """
    for source in sources:
        if source != STREAM and not source.exists():
            raise DreamCleanError(f"there is no file {source}")
    single = len(sources) == 1
    if single and not sources[0].is_dir():
        if shard:
            raise DreamCleanError("--shard divides several pictures, and this is one; leave --shard out")
        return [_single(sources[0], output, suffix, overwrite)], []
    if output and (output.is_file() or (names_result(output) and not output.is_dir())):
        several = "several pictures'" if not single else "a folder's"
        raise DreamCleanError(f"{output} cannot take {several} results; give -o another folder")
    jobs: list[Job] = []
    places: dict[Path, Path] = {}
    sources = list(dict.fromkeys(sources))
    for source in filter(Path.is_dir, sources):
        inside = output / _of(source).name if output and not single else output
        of_folder = _of_folder(source, inside or _beside(source, suffix))
        places |= {job.source: job.source.relative_to(source) for job in of_folder}
        jobs += of_folder
    files = [source for source in sources if not source.is_dir()]
    places |= {path: Path(path.name) for path in files}
    if output:
        jobs += named(files, output, "")
    else:
        for folder in dict.fromkeys(path.parent for path in files):
            jobs += named([path for path in files if path.parent == folder], folder, f"-{suffix}")
    jobs = _without_results(jobs)
    _check_apart(jobs)
    jobs = [job for job in jobs if belongs(places[job.source], shard)]  # last: the others' results have names too
    done = [not overwrite and job.target.exists() for job in jobs]
    return [job for job, there in zip(jobs, done, strict=True) if not there], list(compress(jobs, done))


def _of(folder: Path) -> Path:
    """The folder by its name, which ``.`` and ``..`` are not."""
    return folder if folder.name not in ("", "..") else folder.resolve()


def _beside(source: Path, suffix: str) -> Path:
    """Where a folder's results go unless it is said."""
    folder = _of(source)
    if not folder.name:
        raise DreamCleanError(f"{source} has nothing beside it; give -o a folder")
    return folder.with_name(f"{folder.name}-{suffix}")


def _single(source: Path, output: Path | None, suffix: str, overwrite: bool) -> Job:
    """The job of one picture; DreamCleanError if its result cannot be written."""
    target = output or (
        STREAM if source == STREAM else source.with_name(_name(source.stem, f"-{suffix}{_ending(source)}"))
    )
    if target == STREAM:
        return Job(source, target)
    if target.is_dir():
        target = target / f"{'standard-input' if source == STREAM else source.stem}{_ending(source)}"
    check_target(target, overwrite)
    return Job(source, target)


def _of_folder(source: Path, target: Path) -> list[Job]:
    """The jobs of a folder's pictures and of those in its folders; results that lie inside it are not pictures of it."""
    if target.is_file() or target.resolve() == source.resolve():
        raise DreamCleanError(f"{target} cannot take a folder's results; give -o another folder")
    pictures = pictures_in(source, besides=[target])
    jobs: list[Job] = []
    for folder in dict.fromkeys(path.parent for path in pictures):
        jobs += named([path for path in pictures if path.parent == folder], target / folder.relative_to(source), "")
    return jobs


def named(sources: list[Path], folder: Path, ending: str) -> list[Job]:
    """The jobs of ``sources`` with results in ``folder``: named by the stem, where that is not taken twice."""
    taken = Counter(name.lower() for path in sources for name in (path.stem, path.name))
    names = [path.stem if taken[path.stem.lower()] == 1 else path.name for path in sources]
    return [
        Job(path, folder / _name(name, f"{ending}{_ending(path)}")) for path, name in zip(sources, names, strict=True)
    ]


def _name(stem: str, ending: str) -> str:
    """A file's name, of which the ``stem`` is cut where it would be too long for a file system."""
    while len(os.fsencode(stem + ending)) > _LONGEST:
        stem = stem[:-1]
    return stem + ending


def _ending(source: Path) -> str:
    """Of the result: a PNG, but a TIFF for several pages."""
    return ".tif" if holds_pages(source) else ".png"


def _without_results(jobs: list[Job]) -> list[Job]:
    """The jobs, but for those of an earlier run's results: ``*.png`` names them too."""
    targets = {job.target.resolve(): job for job in jobs}
    return [job for job in jobs if targets.get(job.source.resolve(), job) is job or not _is_result(job.source)]


def _is_result(source: Path) -> bool:
    """Whether it carries the recipe of a restoration."""
    try:
        return bool(embedded_recipe(source))
    except (DreamCleanError, OSError, ValueError):
        return False


def _check_apart(jobs: list[Job]) -> None:
    """DreamCleanError if two results would go to one file, or one to a picture that is still to be read."""
    targets: dict[Path, Path] = {}
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        if job.target.resolve() in sources:
            raise DreamCleanError(f"the result of {job.source} would replace {job.target}; give -o another folder")
        if (other := targets.setdefault(job.target, job.source)) != job.source:
            raise DreamCleanError(
                f"{other} and {job.source} would both be written to {job.target}; restore them one after the other"
            )
