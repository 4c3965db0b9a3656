"""No degradation except noise: denoising with a known noise level."""

import torch
from torch import Tensor

from dreamclean.contracts.operator import LinearOperator


class Identity(LinearOperator):
    """The image itself; with measurement noise, denoising."""

    name = "identity"

    def image_shape(self, y: Tensor) -> torch.Size:
        return y.shape

    def degrade(self, x: Tensor) -> Tensor:
        return x

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        return v / (gain + variance)
