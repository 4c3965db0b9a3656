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


class Runs:
    """Which users have a run that goes on, so that it can be stopped."""

    def __init__(self) -> None:
        self._stops: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def begin(self, user: str) -> threading.Event:
        """A new run of ``user``, whose last one is stopped; the event says when it is to stop."""
        with self._lock:
            self.stop(user)
            self._stops[user] = threading.Event()
            return self._stops[user]

    def stop(self, user: str) -> None:
        """Stop the run of ``user``, if there is one."""
        if user in self._stops:
            self._stops.pop(user).set()
