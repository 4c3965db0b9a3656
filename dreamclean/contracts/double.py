"""Double precision, where there is any."""

from torch import Tensor


def double(x: Tensor) -> Tensor:
    """``x`` in double precision; as it is on Apple's MPS devices, which have none."""
    return x if x.device.type == "mps" else x.double()
