"""Vignetting, the fall-off of light towards the corners of a picture."""

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import LinearOperator


class Vignette(LinearOperator):
    """Corners darkened by a lens: natural fall-off, the cosine of the angle of view to the fourth power."""

    name = "vignette"
    stops: float = Field(
        default=2.0, gt=0, le=8, description="Light lost in the corners, in stops (each halves the light)"
    )

    def image_shape(self, y: Tensor) -> torch.Size:
        return y.shape

    def light(self, x: Tensor) -> Tensor:
        """The share of light that reaches each pixel, (H, W): 1 / (1 + r^2 t^2)^2, r = 1 in the corners."""
        rows, columns = (torch.linspace(-1, 1, side, dtype=x.dtype, device=x.device) for side in x.shape[2:])
        tangent2 = 2 ** (self.stops / 2) - 1
        return 1 / (1 + tangent2 * (rows[:, None] ** 2 + columns**2) / 2) ** 2

    def degrade(self, x: Tensor) -> Tensor:
        return x * self.light(x)

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        light = self.light(v)
        return light * v / (gain * light**2 + variance)
