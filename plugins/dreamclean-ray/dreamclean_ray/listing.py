"""Which pictures a place holds, folder by folder: memory is that of one folder, however many there are."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pyarrow.fs import FileInfo, FileType

from dreamclean import DreamCleanError
from dreamclean.cli.jobs import named
from dreamclean.pictures.saving import names_picture
from dreamclean_ray.place import Place


class Listed(NamedTuple):
    """A picture: where it is and where its result goes, relative to the input and the output."""

    source: str
    target: str
    done: bool
    """Whether the result is there."""


def listing(source: Place, target: Place) -> Iterator[Listed]:
    """The pictures of ``source`` and of the folders inside it, but not those in ``target``.

    Hidden files and links to folders are left out; results are named as by ``dreamclean restore``. DreamCleanError
    for a folder that cannot be listed.
    """
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            found = [info for info in source.listed(folder) if not info.base_name.startswith(".")]
            there = {info.base_name for info in target.listed(folder) if info.type == FileType.File}
        except OSError as error:
            raise DreamCleanError(f"{source.shown(folder)} cannot be listed ({error})") from error
        for job in named(_pictures(source.shown(folder), found), Path(), ""):
            name = _under(folder, Path(job.source.name))
            yield Listed(name, _under(folder, job.target), job.target.name in there)
        inside = [_under(folder, Path(info.base_name)) for info in found if info.type == FileType.Directory]
        waiting += [name for name in reversed(inside) if not source.links(name) and not _same(source, name, target)]


def _pictures(folder: str, found: list[FileInfo]) -> list[Path]:
    """Those on this machine's disk are looked into for pages; a URL is no path that there is."""
    files = [info for info in found if info.type == FileType.File]
    return [path for path in (Path(folder, info.base_name) for info in files) if names_picture(path)]


def _under(folder: str, name: Path) -> str:
    return (PurePosixPath(folder) / name.as_posix()).as_posix()


def _same(source: Place, name: str, target: Place) -> bool:
    """Whether the folder ``name`` is the output."""
    return source.filesystem.equals(target.filesystem) and source.full(name) == target.path


def usual(source: str) -> str:
    """The result's name where no other picture of the folder takes it."""
    return PurePosixPath(source).with_suffix(".png").as_posix()
