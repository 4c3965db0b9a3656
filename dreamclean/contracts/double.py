"""Single and double precision."""

import torch
from torch import Tensor


def double(x: Tensor) -> Tensor:
    """``x`` in double precision; as it is on Apple's MPS devices, which have none."""
    return x if x.device.type == "mps" else x.double()


def single(x: Tensor) -> Tensor:
    """``x`` in single precision at least."""
    return x if x.dtype == torch.float64 else x.float()
