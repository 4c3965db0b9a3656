"""Which pictures a folder holds, the folders inside it included."""

import os
import sys
from collections.abc import Collection
from pathlib import Path

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.foreign import foreign, remedy, unread
from dreamclean.pictures.picture import is_picture

_SAID = 3
"""How many names of skipped files a message gives."""


def pictures_in(folder: Path, besides: Collection[Path] = ()) -> list[Path]:
    """The picture files of ``folder`` and of the folders inside it, sorted; hidden ones and ``besides`` are left out.

    Links to folders are not followed. Files that are pictures of a kind that is not read are named on standard
    error. DreamCleanError if there is no picture that is read.
    """
    files = list(_files(folder, {path.resolve() for path in besides}))
    sources = [path for path in files if is_picture(path)]
    skipped = [path.name for path in files if not is_picture(path) and foreign(path)]
    said = ", ".join(skipped[:_SAID] + ["..."] * (len(skipped) > _SAID))
    if not sources:
        also = f" that is read: {unread()} are not ({said}); {remedy(skipped)}"
        raise DreamCleanError(f"there is no picture in {folder}{also if skipped else ''}")
    if skipped:
        print(
            f"{len(skipped)} skipped, as {unread()} are not read ({said}); {remedy(skipped)}",
            file=sys.stderr,
        )
    return sources


def _files(folder: Path, besides: Collection[Path]) -> list[Path]:
    """Every file, folder by folder; DreamCleanError for a folder that cannot be listed."""

    def refuse(error: OSError) -> None:
        raise DreamCleanError(f"folder {error.filename} cannot be listed ({error.strerror})") from error

    found = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).resolve() not in besides
        )
        found += [here / name for name in sorted(names) if not name.startswith(".") and (here / name).is_file()]
    return found
