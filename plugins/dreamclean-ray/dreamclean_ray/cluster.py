"""The Ray cluster, and what of it is used."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Pool(NamedTuple):
    """The processes that restore."""

    actors: int
    threads: int
    """CPU threads of each."""
    gpus: float
    """GPUs of each."""


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect to the cluster at ``address``, or start one on this machine. No usage figures are sent anywhere."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    import ray.data

    if ray.is_initialized():
        yield
        return
    ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # a lost actor is told in a line; Ray's log has the rest
    try:
        yield
    finally:
        ray.shutdown()


def pool_of(actors: int | None, threads: int, gpus: float | None) -> Pool:
    """What was asked for, and of what was not: an actor for each GPU, or where there is none for each CPU."""
    import ray

    there = ray.cluster_resources()
    each = gpus if gpus is not None else float(there.get("GPU", 0) >= 1)
    room = int(there.get("GPU", 0) / each if each else there.get("CPU", 1) / threads)
    if actors and actors > room:
        print(f"the cluster has room for {room} of {actors} actors; waiting for it to grow", file=sys.stderr)
    return Pool(actors or max(1, room), threads, each)
