"""Which pictures a command reads and where it writes them."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from dreamclean.errors import DreamCleanError
from dreamclean.pictures import check_target, is_picture


class Job(NamedTuple):
    """One picture to be read and where its result goes."""

    source: Path
    target: Path


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
    sources = sorted(path for path in source.iterdir() if is_picture(path))
    if not sources:
        raise DreamCleanError(f"there is no picture in {source}")
    taken = Counter(name.lower() for path in sources for name in (path.stem, path.name))
    names = [path.stem if taken[path.stem.lower()] == 1 else path.name for path in sources]
    jobs = [Job(path, folder / f"{name}.png") for path, name in zip(sources, names, strict=True)]
    todo = [job for job in jobs if overwrite or not job.target.exists()]
    return todo, len(jobs) - len(todo)
