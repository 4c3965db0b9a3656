"""Colorization: only a weighted mean of the channels is known."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dreamclean.contracts.component import FloatList
from dreamclean.contracts.operator import LinearOperator


class Colorize(LinearOperator):
    """Grey measurement of a colour image, by default the plain mean as in DDRM and DDNM."""

    name = "colorize"
    least_eta: ClassVar[float] = 0.2
    weights: FloatList = Field(
        default=(0.3333, 0.3334, 0.3333), min_length=3, max_length=3, description="Weights of red, green and blue"
    )

    @property
    def usual_eta(self) -> float:
        """``least_eta``: more noise drawn anew makes it no closer."""
        return self.least_eta

    def image_shape(self, y: Tensor) -> torch.Size:
        return torch.Size((y.shape[0], 3, *y.shape[2:]))

    def degrade(self, x: Tensor) -> Tensor:
        weights = torch.tensor(self.weights, dtype=x.dtype, device=x.device)
        return torch.einsum("c,bchw->bhw", weights, x)[:, None]

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        return self.adjoint(v / (gain * sum(w * w for w in self.weights) + variance))

    def from_picture(self, pixels: Tensor) -> Tensor:
        return pixels.mean(1, keepdim=True)
