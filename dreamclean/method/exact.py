"""``exact=True``: results that do not depend on threads, on the rest of a batch, or on chance."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

_LOCK = threading.Lock()
_running = 0
_before = ExitStack()


@contextmanager
def deterministic() -> Iterator[None]:
    """Compute on one thread, in full float32 and by deterministic algorithms; afterwards all is as before.

    One thread, because the last bits of a sum depend on how it is split among threads. These are settings of the process: of
    several runs at once the first sets them, and the last sets them back.
    """
    global _running  # noqa: PLW0603 - a process has one such number
    with _LOCK:
        if not _running:
            _set(_before)
        _running += 1
    try:
        torch.set_num_threads(1)  # of each thread, on some systems
        yield
    finally:
        with _LOCK:
            _running -= 1
            if not _running:
                _before.close()


def _set(before: ExitStack) -> None:
    """Make torch deterministic; ``before`` sets it back."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for; read at its first use
    algorithms = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    before.callback(torch.set_num_threads, torch.get_num_threads())
    before.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
    before.callback(torch.use_deterministic_algorithms, algorithms[0], warn_only=algorithms[1])
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(True)
    cudnn = torch.backends.cudnn
    before.enter_context(cudnn.flags(enabled=cudnn.enabled, deterministic=True, benchmark=False, allow_tf32=False))
