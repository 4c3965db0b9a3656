"""The Ray cluster, and what of it is used."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from dreamclean import DreamCleanError


class Pool(NamedTuple):
    """The processes that restore."""

    actors: int
    threads: int
    """CPU threads of each."""
    gpus: float
    """GPUs of each."""


@contextmanager
def connected(address: str | None) -> Iterator[bool]:
    """Connect to the cluster at ``address``, or start one on this machine; whether it may grow.

    No usage figures are sent anywhere. DreamCleanError if the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DreamCleanError(f"no Ray cluster at {address} ({reason}); start one with ray start --head") from None
    try:
        yield bool(address or os.environ.get("RAY_ADDRESS"))
    finally:
        ray.shutdown()


def pool_of(actors: int | None, threads: int, gpus: float | None, grows: bool) -> Pool:
    """What was asked for, and of what was not: an actor for each GPU, or where there is none for each CPU.

    DreamCleanError if there is no room for it and the cluster does not grow.
    """
    import ray

    there = ray.cluster_resources()
    each = gpus if gpus is not None else float(there.get("GPU", 0) >= 1)
    room = int(there.get("GPU", 0) / each if each else there.get("CPU", 1) / threads)
    if (actors or 1) > room:
        if not grows:
            raise DreamCleanError(f"this machine has room for {room} such actors; ask for fewer, or for less of each")
        print(f"the cluster has room for {room} of {actors or 1} actors; waiting for it to grow", file=sys.stderr)
    return Pool(actors or max(1, room), threads, each)
