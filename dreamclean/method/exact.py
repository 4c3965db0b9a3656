"""``exact=True``: results that do not depend on threads, on the rest of a batch, or on chance."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def deterministic() -> Iterator[None]:
    """Compute on one thread, in full float32 and by deterministic algorithms; afterwards all is as before.

    One thread, because the last bits of a sum depend on how it is split among threads.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for; read at its first use
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    algorithms = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        torch.set_num_threads(1)
        torch.set_float32_matmul_precision("highest")
        torch.use_deterministic_algorithms(True)
        cudnn = torch.backends.cudnn
        with cudnn.flags(enabled=cudnn.enabled, deterministic=True, benchmark=False, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(algorithms[0], warn_only=algorithms[1])
