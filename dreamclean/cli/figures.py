"""Files that a command draws into."""

from collections.abc import Iterable
from pathlib import Path

from dreamclean.contracts.errors import DreamCleanError


def check_figure(figure: Path, overwrite: bool, pictures: Iterable[Path]) -> None:
    """DreamCleanError if a file that may not be replaced is at ``figure``, or one of the ``pictures`` is or will be."""
    if figure.resolve() in {path.resolve() for path in pictures}:
        raise DreamCleanError(f"the drawing would replace {figure}; give it another name")
    if figure.exists() and not overwrite:
        raise DreamCleanError(f"{figure} is there already; choose another name or say --overwrite")
