"""A run: the listing in waves, a line for each picture. Memory is that of a wave, however many pictures there are."""

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from dreamclean import DreamCleanError
from dreamclean.cli.restored import said
from dreamclean_ray.actor import Row, row_of
from dreamclean_ray.cluster import Pool
from dreamclean_ray.listing import Listed, listing
from dreamclean_ray.place import Place
from dreamclean_ray.report import Report
from dreamclean_ray.task import Task
from dreamclean_ray.waves import restored_in

WAVE = 1000
"""Pictures of a wave for each actor: starting the actors and waiting for the last one take a small share of its time."""


def run(task: Task, pool: Pool, lines: Place, wave: int = WAVE) -> bool:
    """Restore what is not there yet, and report it in ``lines``; False if a picture failed."""
    counts: Counter[str] = Counter()
    with Report(lines) as report:
        for pictures in _waves(_left(task, report, counts), wave * pool.actors):
            for row in restored_in(task, pool, pictures):
                counts[row["status"]] += 1
                report.add(row)
                _say(row)
    if not counts:
        raise DreamCleanError(f"there is no picture in {task.source.url}")
    told = ", ".join(f"{counts[status]} {status}" for status in ("done", "skipped", "failed") if counts[status])
    print(f"{told}; report: {lines.url}", file=sys.stderr)
    return not counts["failed"]


def _left(task: Task, report: Report, counts: "Counter[str]") -> Iterator[Listed]:
    """The pictures that are to be done; the others are reported as skipped."""
    for listed in listing(task.source, task.target):
        if listed.done:
            counts["skipped"] += 1
            report.add(row_of(task, listed.source, listed.target, status="skipped"))
        else:
            yield listed


def _waves(pictures: Iterator[Listed], size: int) -> Iterator[list[Listed]]:
    while wave := list(islice(pictures, size)):
        yield wave


def _say(row: Row) -> None:
    """A line for a picture that is done or failed, and its warnings."""
    if row["warnings"]:
        print(row["warnings"], file=sys.stderr)
    if row["status"] == "failed":
        print(f"error: {row['error']}", file=sys.stderr, flush=True)
    elif row["status"] == "done":
        print(f"{row['input']} -> {row['output']} ({said({**row, 'summary': row['found']})})", flush=True)
