"""``-`` on the command line: a picture from standard input, a result to standard output."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dreamclean.contracts.errors import DreamCleanError

STREAM = Path("-")


@contextmanager
def reading(path: Path) -> Iterator[Path]:
    """The file to read for ``path``: itself, or for ``-`` a temporary one that holds standard input."""
    if path != STREAM:
        yield path
        return
    with TemporaryDirectory(prefix="dreamclean-") as folder:
        file = Path(folder, "input")
        file.write_bytes(sys.stdin.buffer.read())
        try:
            yield file
        except DreamCleanError as error:
            raise DreamCleanError(str(error).replace(str(file), "standard input")) from error


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """The file to write for ``path``: itself, or for ``-`` a temporary PNG that then goes to standard output."""
    if path != STREAM:
        yield path
        return
    with TemporaryDirectory(prefix="dreamclean-") as folder:
        file = Path(folder, "output.png")
        yield file
        sys.stdout.buffer.write(file.read_bytes())
        sys.stdout.buffer.flush()


def check_streams(sources: list[Path], target: Path | None, as_json: bool) -> None:
    """DreamCleanError where ``-`` cannot be meant."""
    if STREAM in sources and len(sources) > 1:
        raise DreamCleanError("- is one picture, from standard input; give no other with it")
    if target != STREAM:
        return
    if len(sources) > 1 or sources[0].is_dir():
        raise DreamCleanError("standard output takes one picture; give -o a folder")
    if as_json:
        raise DreamCleanError("--json and the picture cannot both go to standard output; give -o a file")
    if sys.stdout.isatty():
        raise DreamCleanError("standard output is a terminal; give -o a file, or redirect it with > or |")
