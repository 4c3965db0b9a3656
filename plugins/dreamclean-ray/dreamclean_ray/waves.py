"""Restoring one wave of pictures with Ray Data; what its actors lost is tried once more."""

import warnings
from collections.abc import Iterator
from typing import Any

from dreamclean import DreamCleanError
from dreamclean_ray.actor import Restoring, Row, row_of
from dreamclean_ray.cluster import Pool
from dreamclean_ray.listing import Listed, usual
from dreamclean_ray.task import Task

_KILLED = "its process was killed twice, most likely for lack of memory; use fewer --actors or a smaller --tile"
_FILES = 16
"""Pictures that a task takes at most; where one is killed, those of its pictures that are left are tried once more."""
_TASKS = 8
"""Tasks of each actor at least, so that all end at about the same time."""


def restored_in(task: Task, pool: Pool, wave: list[Listed]) -> Iterator[Row]:
    """A row for each picture of the wave, in the order in which they are done.

    A process of its own, beside this one, drives Ray Data, and ends with the wave: what Ray keeps of every task is gone
    with it. DreamCleanError if that process is killed.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    apart = ray.remote(num_cpus=0, max_calls=1, max_retries=0, num_returns="streaming", scheduling_strategy=here)(
        _driven
    )
    try:
        for reference in apart.remote(task, pool, wave):
            yield ray.get(reference)
    except ray.exceptions.RayTaskError:
        raise
    except ray.exceptions.RayError as error:
        reason = str(error).splitlines()[0]
        raise DreamCleanError(f"a wave was lost ({reason}); run the same command again to continue") from error


def _driven(task: Task, pool: Pool, wave: list[Listed]) -> Iterator[Row]:
    """The rows, from what the actors return and then from second tries."""
    waiting = {listed.source: listed for listed in wave}
    for row in _together(task, pool, wave):
        if waiting.pop(row["source"], None):
            yield row
    yield from _once_more(task, pool, list(waiting.values()))


def _together(task: Task, pool: Pool, wave: list[Listed]) -> Iterator[Row]:
    """By a pool of actors. A task whose actor is killed is given up, and the actor is replaced."""
    import ray.data
    from ray.util.annotations import RayDeprecationWarning

    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = -1
    context.enable_progress_bars = False
    context.target_max_block_size = 1  # bytes: every row is handed on as soon as it is there
    pictures = ray.data.read_binary_files(
        [task.source.full(listed.source) for listed in wave],
        filesystem=task.source.filesystem,
        include_paths=True,
        num_cpus=0,  # the actors may have taken every CPU, and wait for what is read
        concurrency=pool.actors,
        override_num_blocks=min(len(wave), max(_TASKS * pool.actors, len(wave) // _FILES)),
    )
    unusual = {listed.source: listed.target for listed in wave if listed.target != usual(listed.source)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RayDeprecationWarning)  # nothing else than max_task_retries says how often
        rows = pictures.map_batches(
            Restoring,
            fn_constructor_args=(task, unusual, pool.threads),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=pool.actors),
            num_cpus=pool.threads,
            num_gpus=pool.gpus or None,
            max_task_retries=0,
        )
    for batch in rows.iter_batches(batch_size=None, batch_format="pyarrow"):
        yield from batch.to_pylist()


def _once_more(task: Task, pool: Pool, lost: list[Listed]) -> Iterator[Row]:
    """Each picture by a process that has no other in hand, so that the one at fault is found."""
    import ray

    if not lost:
        return
    alone = ray.remote(num_cpus=pool.threads, num_gpus=pool.gpus or None, max_retries=0)(_alone)
    shared = ray.put(task)
    tries = [(listed, alone.remote(shared, listed, pool.threads)) for listed in lost]
    for listed, reference in tries:
        try:
            yield ray.get(reference)
        except ray.exceptions.RayError:
            error = f"{task.source.shown(listed.source)}: {_KILLED}"
            yield row_of(task, listed.source, listed.target, status="failed", error=error)


_own: Restoring | None = None
"""Of a process that tries pictures once more; it stays for the next one."""


def _alone(task: Task, listed: Listed, threads: int) -> dict[str, Any]:
    """Read and restore one picture."""
    global _own  # noqa: PLW0603
    _own = _own or Restoring(task, {}, threads)
    try:
        data = task.source.read(listed.source)
    except OSError as error:
        reason = f"{task.source.shown(listed.source)}: cannot be read ({error})"
        return row_of(task, listed.source, listed.target, status="failed", error=reason)
    return _own.one(listed.source, listed.target, data)
