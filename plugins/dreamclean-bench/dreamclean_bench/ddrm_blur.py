"""The blurs of the DDRM and DDNM code as they are, not as they were meant."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import SeparableOperator


class DDRMBlur(SeparableOperator):
    """The blur of the DDRM and DDNM code: its last tap is dropped and the border is black.

    Their loops run over ``range(i - k // 2, i + k // 2)``, so of k = 9 taps of 1/9 eight are left: the
    picture darkens. The figures that papers report for these blurs fit it. ``blur`` is the correct one.
    """

    name = "ddrm-blur"
    shape: Literal["uniform", "gaussian", "anisotropic"] = Field(
        default="uniform", description="9 equal taps; 5 taps of std 10; 9 taps of std 1 down and 20 across"
    )

    def taps(self, axis: int) -> Tensor:
        """The taps along one axis (0: down, 1: across), float64, of odd length, before one is dropped."""
        size, std = {"uniform": (9, None), "gaussian": (5, 10.0), "anisotropic": (9, (1.0, 20.0)[axis])}[self.shape]
        if std is None:
            return torch.full((size,), 1 / size, dtype=torch.float64)
        offset = torch.arange(size, dtype=torch.float64) - size // 2
        weights = torch.exp(-0.5 * (offset / std) ** 2)
        return weights / weights.sum()

    def full_size(self, size: int) -> int:
        return size

    def matrix(self, size: int, axis: int) -> Tensor:
        taps = self.taps(axis)
        reach = len(taps) // 2
        matrix = torch.zeros(size, size, dtype=torch.float64)
        for offset in range(-reach, reach):  # the last tap, at +reach, is left out
            matrix += taps[offset + reach] * torch.diag(torch.ones(size - abs(offset), dtype=torch.float64), offset)
        return matrix
