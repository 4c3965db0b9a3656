"""What became of a job."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from dreamclean.cli.jobs import Job
from dreamclean.contracts.errors import ComponentError, DreamCleanError, DreamCleanWarning, Refusal
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
    """Do the job. What is no error of the picture's or the settings' is raised."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DreamCleanWarning)
        try:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            with blame():
                result = do(job)
        except Exception as error:
            if not (isinstance(error, DreamCleanError) or lacks_memory(error)):
                raise
            return Outcome(job, None, _reason(job, error), _lines(caught, job))
    return Outcome(job, result, "", _lines(caught, job))


def _reason(job: Job, error: Exception) -> str:
    """A failure in one line that names the picture, which a DreamCleanError does by itself."""
    expected = isinstance(error, DreamCleanError) and not isinstance(error, ComponentError | Refusal)
    return told(error) if expected else f"{job.source}: {told(error)}"


def _lines(caught: list[warnings.WarningMessage], job: Job) -> tuple[str, ...]:
    """This library's warnings as ``warning: SOURCE: ...``, others as Python has them."""
    return tuple(
        f"warning: {job.source}: {one.message}"
        if issubclass(one.category, DreamCleanWarning)
        else warnings.formatwarning(one.message, one.category, one.filename, one.lineno).rstrip("\n")
        for one in caught
    )
