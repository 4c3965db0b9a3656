"""What was found of a JPEG compression."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dreamclean.builtin.operators.jpeg_tables import tables_of
from dreamclean.builtin.planners.diagnosis.jpeg.earlier import COARSER
from dreamclean.builtin.planners.diagnosis.jpeg.steps import TURNED


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
    """Of libjpeg's luma table, perhaps turned on its side, if it is one."""
    earlier: tuple[dict[str, Any], ...] = ()
    """Settings of earlier passes with larger steps, where they show, the first of them first."""

    @property
    def rounding(self) -> float:
        """Root mean square, of 255, of what rounding to a pass's luma steps can do at most, q^2 / 12 in each coefficient."""
        lumas = [settings["tables"][0] for settings in (*self.earlier, self.settings)]
        return max(math.sqrt(sum(step**2 for step in luma) / 64 / 12) for luma in lumas)

    @property
    def harmless(self) -> bool:
        """Whether the steps are so small that nothing need be done."""
        return self.rounding < HARMLESS

    def cascade(self) -> dict[str, Any]:
        """Settings of all passes that were found, in the order of what happened."""
        if not self.earlier:
            return self.settings
        passes = [*self.earlier, self.settings]
        joined = {name: [one for settings in passes for one in settings[name]] for name in ("tables", "shift")}
        return {**self.settings, **joined}

    def shortest(self) -> dict[str, Any]:
        """Settings of all passes, with qualities in the place of tables where those are libjpeg's."""
        qualities = [_quality_of(settings["tables"]) for settings in (*self.earlier, self.settings)]
        if None in qualities:
            return self.cascade()
        return {**{k: v for k, v in self.cascade().items() if k != "tables"}, "quality": qualities}

    def words(self) -> str:
        """In a line."""
        quality = self.quality or nearest_quality(self.settings["tables"][0])
        said = f"JPEG, {'' if self.quality else 'tables of its own, about '}quality {quality} ({self._where()})"
        shift = self.settings["shift"][0]
        said += f", {self.settings['subsampling']}" + (f", grid shifted by {shift}" if shift not in (0, "0:0") else "")
        for settings in reversed(self.earlier):
            said += f"; before that JPEG, about quality {nearest_quality(settings['tables'][0])}"
        return said

    def _where(self) -> str:
        return "from the file" if self.source == "file" else f"from the pixels, {self.sure:.0%} sure"


def _quality_of(tables: Sequence[Sequence[int]]) -> int | None:
    """The quality whose tables of libjpeg's they are; None: they are others."""
    wanted = tuple(map(tuple, tables))
    return next((quality for quality in range(1, 101) if tables_of(quality)[: len(wanted)] == wanted), None)


HARMLESS = 1.0
"""A rounding, of 255, that hardly shows: PSNR is 48 dB or more. libjpeg's from quality 97 on."""


def nearest_quality(luma: list[int]) -> int:
    """The quality of libjpeg's whose luma steps are nearest, on the logarithmic scale."""
    return min(
        range(1, 101), key=lambda q: sum(abs(math.log(a / b)) for a, b in zip(luma, tables_of(q)[0], strict=True))
    )


def said_by_file(info: Mapping[str, Any]) -> Found | None:
    """The compression that a picture's file states, from ``info`` as planners get it; None: none."""
    settings = info.get("jpeg")
    if not settings:
        return None
    luma = settings["tables"][0]
    turned = [luma[place] for place in TURNED]
    return Found({"shift": [0], **settings}, 1.0, "file", _quality_of([luma]) or _quality_of([turned]))


def over_coarser(said: Found, shown: Found | None) -> Found | None:
    """What a file says, after the coarser passes on the same grid that its pixels show; None where they show none.

    A file that was opened and saved again lies on the lattice of the coarser of the two.
    """
    if shown is None or _grid(shown) != _grid(said) or replace(shown, earlier=()).rounding < COARSER * said.rounding:
        return None
    count = len(said.settings["tables"])
    passes = (
        {**said.settings, "tables": (one["tables"] * 2)[:count], "shift": one["shift"]}
        for one in (*shown.earlier, {**shown.settings, "shift": said.settings["shift"]})
    )
    return replace(said, earlier=tuple(passes))


def _grid(found: Found) -> list[int]:
    """Where the last pass's blocks of luma lie."""
    return [int(side) % 8 for side in (2 * str(found.settings["shift"][0]).split(":"))[:2]]
