"""A folder on any file system."""

import os
import posixpath
from typing import NamedTuple
from uuid import uuid4

from pyarrow import ArrowException, NativeFile
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, FSSpecHandler, LocalFileSystem, PyFileSystem

from dreamclean import DreamCleanError


class Place(NamedTuple):
    """A folder, which need not exist. Names in it are relative, with ``/`` between their parts."""

    filesystem: FileSystem
    path: str
    """As the file system names it, without a slash at the end."""
    url: str
    """As people name it."""

    def inside(self, name: str) -> "Place":
        """The folder ``name`` in it."""
        return Place(self.filesystem, self.full(name), self.shown(name))

    def full(self, name: str) -> str:
        """What the file system calls ``name``."""
        return posixpath.join(self.path, name)

    def shown(self, name: str) -> str:
        """What people call ``name``."""
        return posixpath.join(self.url, name)

    def relative(self, path: str) -> str:
        """The name of ``path``, which the file system gave for something in here."""
        return posixpath.relpath("/" + path.lstrip("/"), "/" + self.path.lstrip("/"))

    def listed(self, folder: str = "") -> list[FileInfo]:
        """What the folder holds, sorted; nothing if there is no such folder. OSError if it cannot be listed."""
        found = self.filesystem.get_file_info(FileSelector(self.full(folder).rstrip("/"), allow_not_found=True))
        return sorted(found, key=lambda info: str(info.base_name))

    def links(self, name: str) -> bool:
        """Whether ``name`` is a symbolic link."""
        return isinstance(self.filesystem, LocalFileSystem) and os.path.islink(self.full(name))

    def has(self, name: str) -> bool:
        """Whether there is a file ``name``."""
        return bool(self.filesystem.get_file_info(self.full(name)).type == FileType.File)

    def is_folder(self) -> bool:
        """Whether it exists."""
        return bool(self.filesystem.get_file_info(self.path).type == FileType.Directory)

    def read(self, name: str) -> bytes:
        """The content of a file."""
        with self.filesystem.open_input_stream(self.full(name)) as file:
            return bytes(file.read())

    def write(self, name: str, data: bytes) -> None:
        """Write ``data`` to a hidden file beside ``name``, then move it into place."""
        folder, base = posixpath.split(self.full(name))
        temporary = posixpath.join(folder, f".dreamclean-{uuid4().hex}")
        try:
            with self._created(temporary) as file:
                file.write(data)
            self.filesystem.move(temporary, posixpath.join(folder, base))
        except BaseException:
            if self.filesystem.get_file_info(temporary).type == FileType.File:
                self.filesystem.delete_file(temporary)
            raise

    def _created(self, path: str) -> NativeFile:
        """A new file, in a folder that is made if there has to be one: in an object store there has not."""
        try:
            return self.filesystem.open_output_stream(path)
        except FileNotFoundError:
            self.filesystem.create_dir(posixpath.dirname(path), recursive=True)
            return self.filesystem.open_output_stream(path)


def place(url: str) -> Place:
    """The folder of a path or a URL; DreamCleanError for a URL that neither pyarrow nor fsspec understands."""
    if "://" not in url:
        path = os.path.abspath(url)
        return Place(LocalFileSystem(), path, url.rstrip("/") or path)
    try:
        filesystem, path = _opened(url)
    except (ArrowException, ImportError, ValueError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        advice = "give a folder or a URL such as s3://bucket/photos"
        raise DreamCleanError(f"{url} cannot be opened ({reason}); {advice}") from None
    return Place(filesystem, path.rstrip("/") or "/", url.rstrip("/"))


def _opened(url: str) -> tuple[FileSystem, str]:
    """By pyarrow if it knows the scheme, else by fsspec."""
    import fsspec

    try:
        filesystem, path = FileSystem.from_uri(url)
        return filesystem, str(path)
    except (ArrowException, ValueError):
        found, path = fsspec.core.url_to_fs(url)
        return PyFileSystem(FSSpecHandler(found)), str(path)
