"""Whose results a store holds: a prior's and a file's name stay when the weights change."""

import hashlib
from pathlib import Path

_WHOLE, _END = 1 << 26, 1 << 20
"""Bytes of a file that is read whole; of a larger one the first and the last are read, and its size counts."""


def digest_of(source: Path | None) -> str:
    """Of a file, or of a folder's files, that a network comes from; empty where there is none."""
    if source is None or not source.exists():
        return ""
    whole = hashlib.sha256()
    for path in sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]:
        whole.update(f"{path.relative_to(source)} {path.stat().st_size}\n".encode())
        for part in _parts(path):
            whole.update(part)
    return whole.hexdigest()[:16]


def _parts(path: Path) -> list[bytes]:
    size = path.stat().st_size
    if size <= _WHOLE:
        return [path.read_bytes()]
    with path.open("rb") as file:
        first = file.read(_END)
        file.seek(-_END, 2)
        return [first, file.read(_END)]
