"""Doing the jobs of a command: what is printed of each, and what at the end."""

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from dreamclean.cli.jobs import Job
from dreamclean.cli.outcome import Outcome
from dreamclean.cli.progress import Bars
from dreamclean.cli.report import Report
from dreamclean.cli.streams import STREAM

Say = Callable[[dict[str, Any]], str]
"""A few words of what ``--json`` prints of a job."""


def run(
    outcomes: Iterable[Outcome],
    done: list[Job],
    as_json: bool,
    say: Say,
    report: Report | None = None,
    bars: Bars | None = None,
) -> bool:
    """Take the outcomes as they come; what failed is repeated at the end. False if any failed.

    With ``--json`` and in a ``report`` the jobs that were ``done`` before and those that fail have a line each as well.
    """
    for outcome in map(Outcome, done):
        if as_json:
            print(json.dumps(outcome.fields()))
        if report:
            report.add(outcome)
    if done:
        print(f"already done: {len(done)} (--overwrite does them again)", file=sys.stderr)
    failures = []
    for outcome in outcomes:
        for warning in outcome.warnings:
            print(warning, file=sys.stderr)
        if outcome.failure:
            failures.append(outcome.failure)
        _print(outcome, as_json, say)
        if report:
            report.add(outcome)
        if bars:
            bars.done()
    if report:
        report.close()
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return not failures


def _print(outcome: Outcome, as_json: bool, say: Say) -> None:
    """The line of a job that is done, or with ``--json`` that failed."""
    if as_json:
        print(json.dumps(outcome.fields()), flush=True)
    elif outcome.result is not None:
        job = outcome.job
        out = sys.stderr if job.target == STREAM else sys.stdout
        print(f"{job.source} -> {job.target} ({say(outcome.result)})", file=out, flush=True)
