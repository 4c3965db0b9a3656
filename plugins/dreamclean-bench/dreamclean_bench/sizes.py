"""Which pictures hold the crop that a task takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from PIL import Image

from dreamclean import DreamCleanError
from dreamclean.contracts.warn import warn
from dreamclean_bench.least import LEAST


def large_enough(paths: Sequence[Path], size: int) -> list[Path]:
    """The pictures from which ``size`` x ``size`` pixels can be cut; if there are others too, a warning says so.

    A file that is not a picture stays: its cells say what is wrong with it.
    """
    sides = {path: _short_side(path) for path in paths}
    kept = [path for path in paths if (side := sides[path]) is None or side >= size]
    if kept and len(kept) < len(paths):
        smallest = min(side for side in sides.values() if side is not None)
        all_of_them = f"; --size {smallest} takes them all" if smallest >= LEAST else ""
        warn(f"{len(paths) - len(kept)} of {len(paths)} pictures left out, smaller than {size} x {size}{all_of_them}")
    return kept


def refuse(paths: Sequence[Path], size: int) -> NoReturn:
    """DreamCleanError that says which size would do for ``paths``, none of which is ``size`` x ``size``."""
    largest = max(side for side in map(_short_side, paths) if side is not None)
    advice = f"choose --size {largest} or less" if largest >= LEAST else "give larger ones"
    raise DreamCleanError(f"no picture in {paths[0].parent} is as large as {size} x {size}; {advice}")


def _short_side(path: Path) -> int | None:
    """The shorter side in pixels, read off the file's head; None for a file that is not a picture."""
    try:
        with Image.open(path) as image:
            return min(image.size)
    except Exception:  # of a damaged file a decoder may raise anything
        return None
