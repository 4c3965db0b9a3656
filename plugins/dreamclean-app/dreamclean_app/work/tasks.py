"""What the page and a worker tell each other: plain data, which goes from process to process."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Look:
    """Say what is wrong with a picture."""

    picture: Path
    name: str
    settings: dict[str, Any]
    figure: Path
    """Where the diagnosis is drawn."""


@dataclass(frozen=True)
class Restore:
    """Restore a picture."""

    picture: Path
    name: str
    settings: dict[str, Any]
    """Of ``Restorer``, ``detail`` and ``tone``; components in their string or config forms."""
    target: Path
    """Where the PNG goes; previews go beside it."""


@dataclass(frozen=True)
class Looked:
    """What was found."""

    words: str
    spec: dict[str, Any]
    figure: Path | None


@dataclass(frozen=True)
class Phase:
    """How often the prior was asked before the first step, to look at the picture and to make the first latent."""

    evaluations: int


@dataclass(frozen=True)
class Stepped:
    """``index`` of ``total`` steps of a restoration are done."""

    index: int
    total: int
    left: float | None
    """Seconds that the rest will take, by the steps so far; None: unknown."""
    preview: Path | None
    """The current estimate, small; None: as before."""


@dataclass(frozen=True)
class Restored:
    """A picture is restored and written."""

    target: Path
    size: tuple[int, int]
    nfe: int
    seconds: float
    words: str
    """What the planner found; empty if it did not look."""
    report: dict[str, Any] | None
    recipe: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


STOPPED = "stopped"
"""The reason of a failure that was asked for."""


@dataclass(frozen=True)
class Failed:
    """It could not be done; why, in one line."""

    reason: str


Task = Look | Restore
Message = Looked | Phase | Stepped | Restored | Failed
END = (Looked, Restored, Failed)
"""The last message of a task is one of these."""
