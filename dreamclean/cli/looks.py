"""Commands that look at pictures and write none."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dreamclean.cli.outcome import reason
from dreamclean.cli.streams import STREAM, check_streams, reading
from dreamclean.cli.walk import pictures_in
from dreamclean.cli.warned import warned_of
from dreamclean.contracts.errors import DreamCleanError

T = TypeVar("T")


def pictures_of(sources: list[Path], as_json: bool) -> list[Path]:
    """The pictures that files, folders and ``-`` stand for. DreamCleanError for what is not there."""
    check_streams(sources, None, as_json)
    for source in sources:
        if source != STREAM and not source.exists():
            raise DreamCleanError(f"there is no file {source}")
    return [path for source in sources for path in (pictures_in(source) if source.is_dir() else [source])]


def look_at(
    paths: list[Path],
    look: Callable[[Path], T],
    as_json: bool,
    say: Callable[[Path, T], str],
    spec: Callable[[T], dict[str, Any]],
) -> tuple[dict[Path, T], bool]:
    """What ``look`` finds in each picture, said in words or, as ``spec``, in JSON; and whether none failed.

    What fails is reported at the end and the others are looked at.
    """
    found: dict[Path, T] = {}
    failures = []
    for path in paths:
        try:
            with warned_of(path), reading(path) as file:
                found[path] = look(file)
        except DreamCleanError as error:
            failures.append(reason(path, error))
            if as_json:
                print(json.dumps({"input": str(path), "status": "failed", "error": failures[-1]}), flush=True)
            continue
        line = {"input": str(path), "status": "done", **spec(found[path])}
        print(json.dumps(line) if as_json else say(path, found[path]), flush=True)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return found, not failures
