"""The results as CSV: every cell, and the tables."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from dreamclean_bench.report.tables import MEASURES, Table
from dreamclean_bench.store import KEY, VALUES, Row

_COLUMNS = [*KEY, *(name for name in VALUES if name != "picture")]
_KEY = ["task", "operator", "prior", "size", "seed", "method"]
_COUNTS = ["done", "failed", "refused"]


def cells(rows: Iterable[Row]) -> str:
    """A line for each cell: everything except the picture."""
    lines = []
    for row in rows:
        values = {**asdict(row.cell), **{name: getattr(row, name) for name in VALUES}}
        values["versions"] = json.dumps(row.versions, sort_keys=True)
        lines.append([values[name] for name in _COLUMNS])
    return _csv(_COLUMNS, lines)


def summary(tables: Iterable[Table]) -> str:
    """A line for each method of each table: numbers of cells, then mean, standard error and how many they are over."""
    parts = ("mean", "error", "n", "infinite", "finite_mean")
    head = [*_KEY, "images", *_COUNTS, "comparable", *(f"{m}_{part}" for m in MEASURES for part in parts)]
    lines = []
    for table in tables:
        for line in table.lines:
            values = [getattr(table, name) for name in _KEY[:-1]]
            values += [line.method, len(table.cells), *map(line.count, _COUNTS), int(table.full(line))]
            values += [getattr(line.stat(measure), part) for measure in MEASURES for part in parts]
            lines.append(values)
    return _csv(head, lines)


def _csv(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return file.getvalue()
