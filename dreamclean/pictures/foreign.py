"""Picture formats that cannot be read, so that skipped files are reported."""

from pathlib import Path

RAW = {
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef"),
    *(".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
}
"""A camera's own files. Many are TIFF files with a small preview in the place of the picture."""
_KINDS = {
    **dict.fromkeys(RAW, "a camera's RAW file"),
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".hif": "HEIC",
    ".jxl": "JPEG XL",
}


def foreign(path: Path) -> str | None:
    """The kind of picture by the file's name, if that kind cannot be read; else None."""
    return _KINDS.get(path.suffix.lower())
