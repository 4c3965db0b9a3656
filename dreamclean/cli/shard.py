"""A share of many pictures, for one of several machines that each take a share."""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from dreamclean.contracts.errors import DreamCleanError


class Shard(NamedTuple):
    """The share ``number`` of ``shares``, 1 <= number <= shares."""

    number: int
    shares: int


def shard_of(text: str | None) -> Shard | None:
    """``"i/n"`` as a share; None for None. DreamCleanError for anything else."""
    if text is None:
        return None
    parts = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if parts is None or not 1 <= int(parts[1]) <= int(parts[2]):
        raise DreamCleanError(f"'{text}' is not a share; write i/n with i from 1 to n, e.g. 2/8")
    return Shard(int(parts[1]), int(parts[2]))


def belongs(path: Path, shard: Shard | None) -> bool:
    """Whether the picture at ``path``, relative to the folder that was given, is in the share.

    A hash of the path decides, so that every machine agrees, whatever order its files come in, and a picture keeps
    its share when others are added.
    """
    if shard is None:
        return True
    digest = hashlib.sha256(path.as_posix().encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % shard.shares == shard.number - 1
