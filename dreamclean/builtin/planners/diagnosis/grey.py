"""Grey and tinted pictures: their noise lies on one axis, and the others lack all of theirs."""

import torch
from torch import Tensor

from dreamclean.builtin.noise.line import Line, line_of


def tint_of(image: Tensor) -> Line | None:
    """The line on which the colours of ``image`` (1, 3, H, W) lie, that of the greys among them; None: it has colours."""
    return line_of(image[0].float().cpu())


def tint_bands(line: Line, std: float) -> tuple[float, ...]:
    """``bands`` of white noise along ``line``, ``std`` wide in each channel, root mean square, [0, 1] scale.

    Along the line the noise is sqrt(3) ``std`` wide, across it there is none: ``matched-spectrum`` completes it.
    """
    covariance = 3 * std**2 * torch.outer(line.direction, line.direction)
    return tuple(float(covariance[i, j]) for i in range(3) for j in range(i, 3))
