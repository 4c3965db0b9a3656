"""The mean of a normal variable of which an interval is known: what rounding tells."""

import math

import torch
from torch import Tensor

from dreamclean.contracts.double import double

NEVER = 1e-10
"""Below this probability of the interval its nearest end stands for the mean."""


def truncated_mean(low: Tensor, high: Tensor, std: Tensor | float) -> Tensor:
    """E[v | low < v < high] for v ~ N(0, std^2) (Johnson, Kotz & Balakrishnan 1994, section 10.1), shaped as ``low``.

    ``std`` is a number, or a tensor that broadcasts.
    """
    a, b = double(low) / std, double(high) / std
    mirrored = a > 0  # the lower tail has all digits
    share = torch.special.ndtr(torch.where(mirrored, -a, b)) - torch.special.ndtr(torch.where(mirrored, -b, a))
    mean = std * (_density(a) - _density(b)) / share.clamp(min=NEVER)
    nearest = low.clamp(min=0) + high.clamp(max=0)
    return torch.where(share > NEVER, mean.to(low), nearest)


def _density(u: Tensor) -> Tensor:
    return (-u.square() / 2).exp() / math.sqrt(2 * math.pi)
