"""Files that a command draws into."""

from collections.abc import Iterable
from pathlib import Path

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.saving import check_free


def check_figure(figure: Path, overwrite: bool, pictures: Iterable[Path]) -> None:
    """DreamCleanError unless ``figure`` may be written, and is none of the ``pictures``."""
    if figure.resolve() in {path.resolve() for path in pictures}:
        raise DreamCleanError(f"the drawing would replace {figure}; give it another name")
    check_free(figure, overwrite)
