"""What the page knows of one user's pictures."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Item:
    """One picture: as it was given, and what became of it."""

    name: str
    """In plain letters."""
    original: Path
    size: tuple[int, int]
    shown: Path
    """Small, for a browser."""
    upload: str = ""
    """The uploaded file, by which a picture that is still in the list is known again."""
    found: str = ""
    report: dict[str, Any] | None = None
    """What was found, as JSON."""
    figure: Path | None = None
    restored: Path | None = None
    """The PNG with its recipe."""
    before: Path | None = None
    """The picture as it was given, as a PNG of the result's size."""
    told: str = ""
    """About the restoration, in one line."""
    recipe: dict[str, Any] | None = None
    failure: str = ""

    @property
    def download_name(self) -> str:
        return f"{self.name}-restored.png"


class Run(threading.Event):
    """A run that goes on or waits; it is set when it is to stop."""

    dropped = False
    """Whether it is about pictures that the page no longer has."""

    def __init__(self, restores: bool = False) -> None:
        super().__init__()
        self.restores = restores


class Runs:
    """Which users have a run, so that it can be stopped."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    def begin(self, user: str, restores: bool = False) -> Run | None:
        """A new run of ``user``, whose last one is stopped; None: a restoration, which a mere look does not stop."""
        with self._lock:
            last = self._last(user)
            if last.restores and not last.is_set() and not restores:
                return None
            last.set()
            self._runs[user] = Run(restores)
            return self._runs[user]

    def last(self, user: str) -> Run:
        """The run that began last."""
        with self._lock:
            return self._last(user)

    def stop(self, user: str) -> None:
        """Stop the run of ``user``, if there is one."""
        self.last(user).set()

    def drop(self, user: str) -> None:
        """Stop it: its pictures are no longer the page's, and it says nothing more."""
        run = self.last(user)
        run.dropped = True
        run.set()

    def forget(self, user: str) -> None:
        """The user has gone: the same."""
        self.drop(user)
        with self._lock:
            self._runs.pop(user, None)

    def _last(self, user: str) -> Run:
        return self._runs.get(user, Run())
