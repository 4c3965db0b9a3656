"""The results as CSV: every cell, and the tables; and cells read back."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dreamclean import DreamCleanError
from dreamclean_bench.report.tables import MEASURES, Table, image_of
from dreamclean_bench.store import KEY, VALUES, Cell, Row

_COLUMNS = [*KEY, *(name for name in VALUES if name != "picture")]
_KEY = ["task", "operator", "prior", "size", "seeds", "method"]
_NUMBERS: dict[str, Callable[[str], Any]] = {
    **{name: int for name in ("size", "seed", "nfe")},
    **{name: float for name in ("psnr", "ssim", "lpips", "seconds", "prior_seconds", "memory")},
}
_COUNTS = ["done", "failed", "refused"]


def cells(rows: Iterable[Row]) -> str:
    """A line for each cell: everything except the picture."""
    lines = []
    for row in rows:
        values = {**asdict(row.cell), **{name: getattr(row, name) for name in VALUES}}
        values["versions"] = json.dumps(row.versions, sort_keys=True)
        lines.append([values[name] for name in _COLUMNS])
    return csv_text(_COLUMNS, lines)


def read_cells(path: Path) -> list[Row]:
    """The rows of a ``cells.csv``, which have no pictures; DreamCleanError where it is something else."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.DictReader(file, strict=True)
            if list(lines.fieldnames or []) != _COLUMNS:
                raise ValueError("its columns are others")
            return [_row(line) for line in lines]
    except (OSError, UnicodeDecodeError, csv.Error, TypeError, ValueError) as error:
        raise DreamCleanError(f"{path} is not the cells.csv of a report ({error})") from error


def _row(line: dict[str, str]) -> Row:
    cell = Cell(**{name: _NUMBERS.get(name, str)(line[name]) for name in KEY})
    values = {name: _NUMBERS.get(name, str)(line[name]) for name in _COLUMNS[len(KEY) :] if line[name] != ""}
    return Row(cell, **{**values, "versions": json.loads(line["versions"])})


def summary(tables: Iterable[Table]) -> str:
    """A line for each method of each table: numbers of cells, then mean, standard error and how many they are over."""
    parts = ("mean", "error", "n", "infinite", "finite_mean")
    head = [*_KEY, "images", *_COUNTS, "comparable", *(f"{m}_{part}" for m in MEASURES for part in parts)]
    lines = []
    for table in tables:
        for line in table.lines:
            images = len(set(map(image_of, table.cells)))
            values = [table.task, table.operator, table.prior, table.size, seeds(table), line.method]
            values += [images, *map(line.count, _COUNTS), int(table.full(line))]
            values += [getattr(line.stat(measure), part) for measure in MEASURES for part in parts]
            lines.append(values)
    return csv_text(head, lines)


def seeds(table: Table) -> str:
    """The seeds of a table's measurements in one field."""
    return " ".join(map(str, table.seeds))


def csv_text(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A table as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return file.getvalue()
