"""What of torch's surroundings must not reach into a run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def undisturbed() -> Iterator[None]:
    """``torch.no_grad``, and without the caller's ``inference_mode``, ``autocast`` and default device.

    In inference mode ``torch.enable_grad`` enables nothing, so guidance has no gradient, and some versions of torch take every
    derivative of an operator, so its adjoint too, for 0. In autocast an operator's arithmetic would lose digits that its
    inverse magnifies. Random numbers are drawn on the CPU, whatever the default device.
    """
    with torch.inference_mode(False), torch.no_grad(), ExitStack() as stack:
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield
