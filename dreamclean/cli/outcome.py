"""What became of a job."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dreamclean.cli.jobs import Job
from dreamclean.cli.warned import collected
from dreamclean.contracts.errors import ComponentError, DreamCleanError, Refusal
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.host.debug import told
from dreamclean.method.blame import blame


class Outcome(NamedTuple):
    """A job that was done, was done before, or failed."""

    job: Job
    result: dict[str, Any] | None = None
    """What ``--json`` prints of it; None: it failed, or was done before."""
    failure: str = ""
    """Why it failed, in one line."""
    warnings: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """``done``, ``failed`` or ``skipped``: it was done before."""
        return "failed" if self.failure else "skipped" if self.result is None else "done"

    def fields(self) -> dict[str, Any]:
        """As JSON-ready values."""
        found = {"error": self.failure} if self.failure else self.result or {}
        return {"input": str(self.job.source), "output": str(self.job.target), "status": self.status, **found}


Do = Callable[[Job], dict[str, Any]]
"""Does a job; returns what ``--json`` prints of it."""


def one_by_one(jobs: Iterable[Job], do: Do) -> Iterator[Outcome]:
    """The outcome of each job, in turn; one that fails does not stop the others."""
    return (outcome(job, do) for job in jobs)


def outcome(job: Job, do: Do) -> Outcome:
    """Do the job. Errors that neither the picture nor the settings cause are raised."""
    result, failure = None, ""
    with collected(job.source) as warned:
        try:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            with blame():
                result = do(job)
        except Exception as error:
            if not (isinstance(error, DreamCleanError) or lacks_memory(error)):
                raise
            failure = reason(job.source, error)
    return Outcome(job, result, failure, tuple(warned))


def reason(source: Path, error: Exception) -> str:
    """A failure in one line that names the picture, which most DreamCleanErrors do by themselves."""
    expected = isinstance(error, DreamCleanError) and not isinstance(error, ComponentError | Refusal)
    return told(error) if expected else f"{source}: {told(error)}"
