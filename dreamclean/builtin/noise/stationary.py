"""A covariance that is diagonal over spatial frequencies, with a 3 x 3 block for the channels at each."""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from dreamclean.builtin.noise.spectrum import CORNER
from dreamclean.contracts.covariance import Covariance
from dreamclean.contracts.double import single
from dreamclean.contracts.errors import DreamCleanError

Function = Callable[[Tensor], Tensor]
"""A function of eigenvalues, element by element."""
NEAR = 1.2
"""Neighbouring strengths between which functions of a local covariance are blended are within this factor,"""
MOST = 10
"""as long as so many suffice."""


class Stationary(Covariance):
    """Noise that is the same all over the picture: ``table`` (N, 3, 3) is its spectrum (``noise.spectrum``).

    With ``strength`` (B or 1, 1, H, W), a factor of its standard deviation, it is louder here than there, with one
    spectrum in the small: between a few strengths its functions are blended.
    """

    def __init__(self, table: Tensor, strength: Tensor | None = None) -> None:
        self.power, self._axes = torch.linalg.eigh(table.double())
        self.power = self.power.clamp(min=0)
        self.strength = strength

    @property
    def loudest(self) -> float:
        """The greatest variance of a channel combination at a frequency."""
        return float(self.power.max()) * (1.0 if self.strength is None else float(self.strength.max()) ** 2)

    def times(self, v: Tensor) -> Tensor:
        return self.function(v, lambda power: power)

    def solve(self, v: Tensor, gain: float) -> Tensor:
        return self.function(v, lambda power: 1 / (gain + power))

    def function(self, v: Tensor, f: Function) -> Tensor:
        """f(S) v: ``f`` of the eigenvalues. ``v`` (B, 3, H, W) is continued periodically."""
        if v.ndim != 4 or v.shape[1] != 3:
            raise DreamCleanError(f"coloured noise is of pictures with three channels, not of {tuple(v.shape)}")
        if self.strength is None:
            return self._filtered(v, f(self.power))
        made = torch.zeros_like(v)
        for node, weight in _nodes(self.strength.to(v)):
            root = weight.sqrt()
            made += root * self._filtered(root * v, f(node**2 * self.power))
        return made

    def _filtered(self, v: Tensor, values: Tensor) -> Tensor:
        if (values == values[0, 0]).all():  # the same for all: no transform, no rounding
            return float(values[0, 0]) * v
        exact = single(v)
        matrices = ((self._axes * values[:, None]) @ self._axes.mT).to(exact)
        if (values == values[:1]).all() and (self._axes == self._axes[:1]).all():  # white: channels alone are mixed
            return torch.einsum("ij,bjhw->bihw", matrices[0], exact).to(v)
        nearest = radial_nodes(v.shape[2], v.shape[3], len(values)).to(v.device)
        transform = torch.fft.rfft2(exact)
        made = torch.zeros_like(transform)
        for i in range(3):
            for j in range(3):
                made[:, i] += matrices[:, i, j][nearest] * transform[:, j]
        back: Tensor = torch.fft.irfft2(made, s=v.shape[2:])
        return back.to(v)


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def radial_nodes(height: int, width: int, nodes: int) -> Tensor:
    """Which of ``nodes`` radial frequencies, 0 to CORNER, is nearest to each of a transform's (height, width // 2 + 1)."""
    rows, columns = (
        each(side, dtype=torch.float32) for each, side in ((torch.fft.fftfreq, height), (torch.fft.rfftfreq, width))
    )
    f = torch.hypot(rows[:, None], columns[None])
    return (f / CORNER * (nodes - 1)).round().long()


def _nodes(strength: Tensor) -> list[tuple[float, Tensor]]:
    """A few strengths, and the weight of each at every pixel: straight between neighbours on the logarithmic scale."""
    logs = strength.clamp(min=1e-6).log()
    low, high = float(logs.min()), float(logs.max())
    count = min(MOST, math.ceil((high - low) / math.log(NEAR)) + 1)
    if count == 1:
        return [(math.exp(low), torch.ones_like(strength))]
    place = (logs - low) * ((count - 1) / (high - low))
    values = [math.exp(low + (high - low) * k / (count - 1)) for k in range(count)]
    return [(value, (1 - (place - k).abs()).clamp(min=0)) for k, value in enumerate(values)]
