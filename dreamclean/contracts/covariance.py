"""The covariance S of a measurement's noise, as what projections need of it: S v, and (gain + S)^-1 v."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Covariance(ABC):
    """The covariance S of the noise of measurements shaped as one ``y``; symmetric, no eigenvalue below 0."""

    @abstractmethod
    def times(self, v: Tensor) -> Tensor:
        """S v, shaped as ``v``."""

    @abstractmethod
    def solve(self, v: Tensor, gain: float) -> Tensor:
        """(gain I + S)^-1 v, exactly or nearly: conjugate gradients start from it (as their preconditioner).

        ``gain`` is above 0. It has to be linear in ``v``, symmetric and positive.
        """


class Independent(Covariance):
    """Noise that is independent from number to number: ``variance`` is one for all, or a tensor shaped as ``y``."""

    def __init__(self, variance: Tensor | float) -> None:
        self.variance = variance

    def times(self, v: Tensor) -> Tensor:
        return torch.as_tensor(self.variance).to(v) * v

    def solve(self, v: Tensor, gain: float) -> Tensor:
        return v / (gain + torch.as_tensor(self.variance).to(v))


def silent(noise: Covariance) -> bool:
    """Whether there is no noise at all."""
    return isinstance(noise, Independent) and not bool(torch.as_tensor(noise.variance).any())
