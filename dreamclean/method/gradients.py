"""Where nothing is differentiated unless it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def without_gradients() -> Iterator[None]:
    """``torch.no_grad``, and not ``torch.inference_mode``, should that be on.

    In it ``torch.enable_grad`` enables nothing, so guidance has no gradient, and some versions of torch take every derivative
    of an operator, so its adjoint too, for 0.
    """
    with torch.inference_mode(False), torch.no_grad():
        yield
