"""When a file was changed: operators that read one are alike, and share what was read, while it has not."""

from pathlib import Path


def changed(file: Path | None) -> int | None:
    """Time of the last change of ``file``, in nanoseconds; None: there is no such file."""
    try:
        return file.stat().st_mtime_ns if file else None
    except OSError:
        return None
