"""The report of a run: a folder of Parquet files, which readers of Parquet take for one table."""

import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dreamclean_ray.actor import REPORT
from dreamclean_ray.place import Place

_LINES = 10_000
_SECONDS = 60.0
"""A file is written once it has so many lines, or is so old."""


class Report:
    """Takes lines, and writes them file by file, so that a run that is killed loses those of the last minute alone."""

    def __init__(self, place: Place) -> None:
        self._place, self._lines = place, list[dict[str, Any]]()
        self._since, self._files = time.monotonic(), 0

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def add(self, line: dict[str, Any]) -> None:
        """One more line."""
        self._lines.append({name: line[name] for name in REPORT.names})
        if len(self._lines) >= _LINES or time.monotonic() - self._since > _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what there is."""
        if self._lines:
            sink = pa.BufferOutputStream()
            pq.write_table(pa.Table.from_pylist(self._lines, REPORT), sink)
            self._files += 1
            self._place.write(f"part-{time.time_ns()}-{self._files}.parquet", sink.getvalue().to_pybytes())
        self._lines, self._since = [], time.monotonic()
