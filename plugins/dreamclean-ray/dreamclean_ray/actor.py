"""The process that restores: a prior in memory, pictures in as bytes, results out as files, a line for each."""

from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from dreamclean.cli.jobs import Job
from dreamclean.cli.options import restorer_of
from dreamclean.cli.outcome import outcome
from dreamclean.cli.report import COLUMNS
from dreamclean.cli.restored import restored
from dreamclean.host.debug import told
from dreamclean_ray.listing import usual
from dreamclean_ray.task import Task

REPORT = pa.schema([(n, {"nfe": pa.int64(), "seconds": pa.float64()}.get(n, pa.string())) for n in COLUMNS])
"""The columns of the report."""
ROWS = REPORT.append(pa.field("source", pa.string())).append(pa.field("warnings", pa.string()))
"""What an actor returns: also the picture's name in the input, and what was warned of, line by line."""
Row = dict[str, Any]


def row_of(task: Task, source: str, target: str, **found: Any) -> Row:
    """The row of a picture; both names are relative."""
    row: Row = dict.fromkeys(ROWS.names)
    return {**row, "input": task.source.shown(source), "output": task.target.shown(target), "source": source, **found}


class Restoring:
    """Restores pictures with one restorer, which loads its prior once."""

    def __init__(self, task: Task, unusual: dict[str, str], threads: int) -> None:
        """``unusual``: the results' names of those pictures that do not have the usual one."""
        import torch

        torch.set_num_threads(threads)
        self._task, self._unusual = task, unusual
        self._restorer = restorer_of(dict(task.settings))

    def __call__(self, batch: pa.Table) -> pa.Table:
        """From columns ``path`` and ``bytes`` to ``ROWS``. No picture's error is raised."""
        names = [self._task.source.relative(path) for path in batch["path"].to_pylist()]
        pairs = zip(names, batch["bytes"], strict=True)
        rows = [self.one(name, self._unusual.get(name) or usual(name), data.as_py()) for name, data in pairs]
        return pa.Table.from_pylist(rows, ROWS)

    def one(self, source: str, target: str, data: bytes) -> Row:
        """Restore the picture ``source``, which is ``data``, unless its result ``target`` is there."""
        try:
            if self._task.target.has(target):
                return row_of(self._task, source, target, status="skipped")
            return self._restored(source, target, data)
        except Exception as error:  # of storage, or a fault in code: the other pictures go on
            return row_of(
                self._task, source, target, status="failed", error=f"{self._task.source.shown(source)}: {told(error)}"
            )

    def _restored(self, source: str, target: str, data: bytes) -> Row:
        """By way of files in a temporary folder, as ``dreamclean restore`` does it."""
        with TemporaryDirectory(prefix="dreamclean-") as folder:
            job = Job(Path(folder, PurePosixPath(source).name), Path(folder, "result", PurePosixPath(target).name))
            job.source.write_bytes(data)
            done = outcome(job, lambda one: restored(self._restorer, one))
            if done.status == "done":
                self._task.target.write(target, job.target.read_bytes())
        fields = done.fields()
        names = ("status", "nfe", "seconds", "error")
        found = {**{name: fields.get(name) for name in names}, "found": fields.get("summary")}
        for name, text in (("error", found["error"]), ("warnings", "\n".join(done.warnings))):
            found[name] = text.replace(str(job.source), self._task.source.shown(source)) if text else None
        return row_of(self._task, source, target, **found)
