"""Restoring many pictures in several processes of one machine."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from dreamclean.cli.jobs import Job
from dreamclean.cli.outcome import Outcome, outcome
from dreamclean.cli.restored import restored

if TYPE_CHECKING:
    from dreamclean.restorer import Restorer

_KILLED = "its process was killed, most likely for lack of memory; use fewer --workers or a smaller --tile"

_own: "Restorer | None" = None
"""A worker's restorer."""


def in_workers(jobs: list[Job], restorer: "Restorer", workers: int) -> Iterator[Outcome]:
    """The outcomes of the jobs as they come, from ``workers`` processes that share this machine's cores.

    Every process has a restorer of its own. Where one is killed, the pictures that were in hand are tried once more,
    one at a time, so that the one at fault is found, and that one fails.
    """
    waiting, doubtful = deque(jobs), deque[Job]()
    while waiting or doubtful:
        alone = not waiting
        left, at_once = (doubtful, 1) if alone else (waiting, workers)
        killed = yield from _drained(_pool(restorer, at_once, workers), left, at_once)
        if alone:
            yield from (Outcome(job, None, f"{job.source}: {_KILLED}") for job in killed)
        else:
            doubtful += killed


def _drained(pool: ProcessPoolExecutor, jobs: deque[Job], at_once: int) -> Generator[Outcome, None, list[Job]]:
    """Outcomes until the jobs are through or a process is killed; returns the jobs that were in hand then."""
    running: dict[Future[Outcome], Job] = {}
    killed: list[Job] = []
    try:
        while not killed and (jobs or running):
            while jobs and len(running) < at_once:
                job = jobs.popleft()
                running[_submitted(pool, job)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):  # then all that are running have it
                    killed.append(job)
                else:
                    yield future.result()
    finally:
        _stop(pool)
    return killed + list(running.values())


def _submitted(pool: ProcessPoolExecutor, job: Job) -> "Future[Outcome]":
    """The job's future, which knows of a process that was killed before it began."""
    try:
        return pool.submit(_restore, job)
    except BrokenProcessPool as error:
        broken: Future[Outcome] = Future()
        broken.set_exception(error)
        return broken


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the processes, in the middle of a picture if need be: nothing is half written."""
    processes = list((pool._processes or {}).values())
    for process in processes:
        process.terminate()
    pool.shutdown(wait=True, cancel_futures=True)


def _pool(restorer: "Restorer", workers: int, share: int) -> ProcessPoolExecutor:
    threads = max(1, _cores() // share)
    context = multiprocessing.get_context("spawn")  # a process that has run torch must not be forked
    return ProcessPoolExecutor(workers, context, _begin, (restorer, threads))


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(restorer: "Restorer", threads: int) -> None:
    """Set up a worker."""
    import torch

    global _own  # noqa: PLW0603
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process hears it and ends this one
    torch.set_num_threads(threads)
    _own = restorer


def _restore(job: Job) -> Outcome:
    own = _own
    assert own is not None
    return outcome(job, lambda one: restored(own, one))
