"""File names that came from outside."""

import re
from pathlib import PurePath

_LONGEST = 60


def plain(name: str, fallback: str = "picture") -> str:
    """The stem of ``name`` in letters, digits, spaces, dots and dashes: safe in a path, in HTML and in a header."""
    stem = PurePath(name.replace("\\", "/")).stem
    kept = re.sub(r"[^\w .-]+", "_", stem).strip(" ._-")[:_LONGEST].strip(" ._-")
    return kept or fallback


def apart(names: list[str]) -> list[str]:
    """``names``, with a number where one comes again (upper and lower case are alike): ``a``, ``a-2``."""
    seen: set[str] = set()
    found = []
    for name in names:
        number, own = 1, name
        while own.lower() in seen:
            number += 1
            own = f"{name}-{number}"
        seen.add(own.lower())
        found.append(own)
    return found
