"""The photographs of a folder, in the order in which the training numbers them (contrib/train-prior/train.py)."""

from pathlib import Path

from PIL import Image


def photographs(folder: Path) -> list[Path]:
    """Those of ``folder`` and of the folders inside it."""
    known = Image.registered_extensions().keys() - {".pdf", ".ps", ".eps", ".mpg", ".mpeg"}
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in known and not p.name.startswith("."))
    if not found:
        raise SystemExit(f"there is no picture in {folder}")
    return found


def shared_out(folder: Path, hold_out: int) -> tuple[list[Path], list[Path]]:
    """The photographs of ``folder`` that may be looked at, and those kept out of training: every ``hold_out``-th."""
    photos = photographs(folder)
    kept = photos[hold_out - 1 :: hold_out]
    return [path for path in photos if path not in set(kept)], kept
