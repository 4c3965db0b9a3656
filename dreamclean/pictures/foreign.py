"""Picture formats that cannot be read, so that skipped files are reported."""

from pathlib import Path

RAW = {
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef"),
    *(".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
}
"""A camera's own files. Many are TIFFs in form, with a small preview where the picture is expected."""
_KINDS = {
    **dict.fromkeys(RAW, "a camera's RAW file"),
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".hif": "HEIC",
    ".jxl": "JPEG XL",
}


def foreign(path: Path) -> str | None:
    """What kind of picture the file's name says that it is, if of one that is not read; else None."""
    return _KINDS.get(path.suffix.lower())
