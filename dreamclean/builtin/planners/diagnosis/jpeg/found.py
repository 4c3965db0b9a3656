"""What was found of a JPEG compression."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dreamclean.builtin.operators.jpeg_tables import tables_of


@dataclass(frozen=True)
class Found:
    """A JPEG compression, from a picture's file or its pixels."""

    settings: dict[str, Any]
    """Of the operator ``jpeg``: ``tables``, ``subsampling``, ``shift``, and ``noise`` where some was added since."""
    sure: float
    """Probability that there was one, 0 to 1; 1 where the file says it."""
    source: str
    """``file`` or ``pixels``."""
    quality: int | None
    """Of libjpeg's luma table, if it is one."""
    first: dict[str, Any] | None = None
    """Settings of an earlier pass with larger steps, where it shows."""

    @property
    def rounding(self) -> float:
        """Root mean square, of 255, of what rounding to the luma's steps can do at most, q^2 / 12 in each coefficient."""
        luma = self.settings["tables"][0]
        return math.sqrt(sum(step**2 for step in luma) / 64 / 12)

    @property
    def harmless(self) -> bool:
        """Whether the steps are so small that nothing need be done."""
        return self.rounding < HARMLESS

    def cascade(self) -> dict[str, Any]:
        """Settings of all passes that were found, the earlier one first."""
        if not self.first:
            return self.settings
        joined = {name: [*self.first[name], *self.settings[name]] for name in ("tables", "shift")}
        return {**self.settings, **joined}

    def shortest(self) -> dict[str, Any]:
        """Settings of all passes, with the quality in the place of tables where those are libjpeg's."""
        tables = self.settings["tables"]
        if self.first or self.quality is None or tuple(map(tuple, tables)) != tables_of(self.quality)[: len(tables)]:
            return self.cascade()
        return {**{k: v for k, v in self.settings.items() if k != "tables"}, "quality": [self.quality]}

    def words(self) -> str:
        """In a line."""
        quality = self.quality or nearest_quality(self.settings["tables"][0])
        said = f"JPEG, {'' if self.quality else 'tables of its own, about '}quality {quality} ({self._where()})"
        shift = self.settings["shift"][0]
        said += f", {self.settings['subsampling']}" + (f", grid shifted by {shift}" if shift != 0 else "")
        if self.first:
            said += f"; before that JPEG, about quality {nearest_quality(self.first['tables'][0])}"
        return said

    def _where(self) -> str:
        return "from the file" if self.source == "file" else f"from the pixels, {self.sure:.0%} sure"

    def spec(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {**vars(self), "sure": round(self.sure, 4)}


HARMLESS = 1.0
"""A rounding, of 255, that hardly shows: PSNR is 48 dB or more. libjpeg's from quality 97 on."""


def nearest_quality(luma: list[int]) -> int:
    """The quality of libjpeg's whose luma steps are nearest, on the logarithmic scale."""
    return min(
        range(1, 101), key=lambda q: sum(abs(math.log(a / b)) for a, b in zip(luma, tables_of(q)[0], strict=True))
    )


def said_by_file(info: Mapping[str, Any]) -> Found | None:
    """The compression that a picture's file states, from ``info`` as planners get it; None: none, or a harmless one."""
    settings = info.get("jpeg")
    if not settings:
        return None
    luma = tuple(settings["tables"][0])
    quality = next((q for q in range(1, 101) if tables_of(q)[0] == luma), None)
    found = Found(dict(settings), 1.0, "file", quality)
    return None if found.harmless else found
