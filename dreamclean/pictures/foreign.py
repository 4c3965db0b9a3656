"""Picture formats that cannot be read, so that skipped files are reported."""

from collections.abc import Collection
from pathlib import Path

from dreamclean.pictures.raw import RAW, is_raw, raw_is_read

_KINDS = {
    **dict.fromkeys(RAW, "a camera's RAW file"),
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".hif": "HEIC",
    ".jxl": "JPEG XL",
}


def foreign(path: Path) -> str | None:
    """The kind of picture by the file's name, if that kind cannot be read; else None."""
    ending = path.suffix.lower()
    return None if ending in RAW and raw_is_read() else _KINDS.get(ending)


def unread() -> str:
    """The kinds of pictures that cannot be read here."""
    return "HEIC and JPEG XL files" if raw_is_read() else "HEIC, JPEG XL and RAW files"


def remedy(names: Collection[str]) -> str:
    """What to do about files of these names that cannot be read."""
    install = "pip install 'dreamclean[raw]', which reads RAW files, or "
    raw = any(is_raw(Path(name)) for name in names)
    return f"{install if raw else ''}make {'it a' if len(names) == 1 else 'them'} PNG, TIFF or JPEG first"
