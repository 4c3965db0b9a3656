"""The settings of a JPEG codec: tables, subsampling and grid of each pass."""

import math
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor

from dreamclean.builtin.operators.grid import Grid, Subsampling
from dreamclean.builtin.operators.jpeg_tables import MOST, Tables, tables_of
from dreamclean.contracts.brief import brief
from dreamclean.contracts.component import IntList
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import Operator
from dreamclean.pictures.picture import Picture

LOW = 4
"""Frequencies, in each direction, in which passes are compared: above, steps end at 255 and most coefficients are 0."""
COARSER = 1.4
"""Steps that are so many times as large as all later ones together are found again by rounding again."""


def _shifts(value: Any) -> Any:
    """Shifts in their plain form, ``3`` or ``"3:5"``, from that, from pairs, or from a string of several, ``0/3:5``."""
    parts = value.split("/") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    return tuple(_shift(part) for part in parts)


def _shift(part: Any) -> int | str:
    pair = part.split(":") if isinstance(part, str) else part if isinstance(part, list | tuple) else [part]
    try:
        rows, columns = map(int, [*pair, *pair] if len(pair) == 1 else pair)
    except ValueError:
        raise ValueError(f"{brief(part)} is not a shift; write pixels, or ROWS:COLUMNS") from None
    return rows if rows == columns else f"{rows}:{columns}"


Shifts = Annotated[tuple[int | str, ...], BeforeValidator(_shifts)]
"""The type of a setting of shifts: pixels, or ROWS:COLUMNS, one for each pass; ``0/3:5`` in the string form."""


class Compression(Operator):
    """A degradation with one pass of JPEG or several in it.

    The steps to whose multiples coefficients are rounded are those of a ``quality``, or given as ``tables``; or
    ``file`` names a JPEG that has them. A pass shifted by (k, l) compresses the image as the rest of one that had k
    more rows above and l more columns at its left, so that the passes' blocks do not coincide; the size stays as it is.
    """

    quality: IntList = Field(
        default=(10,),
        description="Quality factor of each pass, 1 to 100 (libjpeg's tables); empty where there are tables",
    )
    shift: Shifts = Field(
        default=(0,),
        description="How many pixels inside a block the image starts: a number, or ROWS:COLUMNS; one for each pass or one for all",
    )
    subsampling: Subsampling = Field(
        default="4:2:0",
        description="How colour planes are made smaller: by 2 x 2 (4:2:0, as most cameras and sites do), across (4:2:2), "
        "down (4:4:0), not at all (4:4:4); grey: there are none",
    )
    tables: Tables = Field(
        default=(),
        description="Quantization tables in place of a quality: luma and chroma of each pass, one for both, or grey's own; "
        "64 steps each, in rows",
    )
    file: Path | None = Field(
        default=None,
        exclude=True,
        description="A JPEG file whose tables and subsampling are taken; it is not needed again",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_file(cls, settings: Any) -> Any:
        settings = dict(settings)
        if (chroma := settings.pop("chroma", None)) is not None:  # what subsampling was called
            settings.setdefault("subsampling", "4:2:0" if str(chroma).lower() in ("true", "1") else "4:4:4")
        if file := settings.pop("file", None):
            settings = {**_said_by(Path(file)), **settings}
        if settings.get("tables") and settings.get("quality", "") == "":  # as a string writes none
            settings["quality"] = ()
        return settings

    @model_validator(mode="after")
    def _check(self) -> "Compression":
        if not all(1 <= q <= 100 for q in self.quality):
            raise ValueError("a quality lies between 1 and 100")
        if bool(self.quality) == bool(self.tables):
            raise ValueError("give either quality or tables")
        if not all(1 <= step <= MOST for table in self.tables for step in table):
            raise ValueError(f"a step in a table lies between 1 and {MOST}")
        if self.subsampling != "grey" and len(self.tables) > 1 and len(self.tables) % 2:
            raise ValueError("give two tables for each pass, luma and chroma, or one for both")
        if len(self.shift) not in (1, len(self.passes())):
            raise ValueError("give one shift for each pass, or one for all (in Python a pair in a list, [(3, 5)])")
        return self

    def image_shape(self, y: Tensor) -> torch.Size:
        return y.shape

    def start(self, y: Tensor) -> Tensor:
        return y

    def passes(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """The tables of luma and chroma of each pass."""
        if not self.tables:
            return [tables_of(quality) for quality in self.quality]
        if self.subsampling == "grey" or len(self.tables) == 1:
            return [(table, table) for table in self.tables]
        return list(zip(self.tables[::2], self.tables[1::2], strict=True))

    def grids(self) -> list[Grid]:
        """The grid of each pass."""
        shifts = self.shift * len(self.passes()) if len(self.shift) == 1 else self.shift
        pairs = [str(shift).split(":") for shift in shifts]
        return [Grid(int(pair[0]), int(pair[-1]), self.subsampling) for pair in pairs]

    def rounding_variance(self) -> list[Tensor]:
        """Variance of the rounding of each coefficient of luma and chroma, two (8, 8), pixel scale [0, 1].

        Rounding to multiples of q is taken as noise of variance q^2 / 12 (Widrow 1956), added up over the passes up to the
        ``decisive`` one, in the coefficients of its grid.
        """
        return list(self._variances()[: self.decisive() + 1].sum(0))

    def decisive(self) -> int:
        """Which pass says most: the coarsest, if rounding again by it finds what it had made, else the last."""
        return self._coarsest() if self.found_again() else len(self.passes()) - 1

    def found_again(self) -> bool:
        """Whether later passes, which are finer, and noise move the coarsest pass's coefficients by less than half a step."""
        luma, coarsest = self._variances()[:, 0, :LOW, :LOW], self._coarsest()
        after = luma[coarsest + 1 :].sum(0) + self.noise**2
        return not self.poisson and float((luma[coarsest] / after).log().mean()) > 2 * math.log(COARSER)

    def coarseness(self) -> Tensor:
        """Standard deviation of the rounding of luma's low frequencies in each pass, (passes,), geometric mean, [0, 1] scale."""
        return (self._variances()[:, 0, :LOW, :LOW].log().mean((1, 2)) / 2).exp()

    def _coarsest(self) -> int:
        return int(self.coarseness().argmax())

    def _variances(self) -> Tensor:
        """Of the rounding of luma and chroma in each pass, (passes, 2, 8, 8)."""
        return (torch.tensor(self.passes(), dtype=torch.float64).view(-1, 2, 8, 8) / 255).square() / 12


def _said_by(file: Path) -> dict[str, Any]:
    """The settings that a JPEG file says, upright."""
    settings = Picture.open(file).jpeg
    if settings is None:
        raise DreamCleanError(f"{file} says no tables; give a JPEG file (grey or YCbCr)")
    return {"tables": settings["tables"], "subsampling": settings["subsampling"]}
