"""Operators that change every pixel's value by itself: y = gain x + offset."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dreamclean.builtin.noise.treatment import noise_treatment
from dreamclean.contracts.covariance import Independent
from dreamclean.contracts.levels import Schedule
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.stages import Map


class Affine(Operator):
    """y = gain x + offset at each pixel, for subclasses that say both."""

    @abstractmethod
    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gain, above 0, and offset for images shaped, typed and placed as ``x`` (B, 3, H, W); both broadcast to it."""

    def image_shape(self, y: Tensor) -> torch.Size:
        return y.shape

    def degrade(self, x: Tensor) -> Tensor:
        gain, offset = self.terms(x)
        return gain * x + offset

    def linearize(self, x: Tensor) -> tuple[Tensor, Map, Map]:
        gain, offset = self.terms(x)
        return gain * x + offset, lambda v: gain * v, lambda v: gain * v

    def start(self, y: Tensor) -> Tensor:
        """The image that ``y`` shows: (y - offset) / gain."""
        gain, offset = self.terms(y)
        return (y - offset) / gain

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        noise = self.noise_covariance(y)
        if not isinstance(noise, Independent):
            return super().project(x0, y, std)
        gain, offset = self.terms(x0)
        return x0 + std**2 * gain * (y - gain * x0 - offset) / (std**2 * gain**2 + noise.variance)

    def recipe_for(self, schedule: Schedule, pixel_scale: float) -> Mapping[str, Any]:
        """Where the gain is the same all over the picture: a start at the level of the noise, which is louder by 1 / gain."""
        if self.uneven or self.poisson or not self.noise:
            return {}
        gain = self.terms(torch.zeros(1, 3, 1, 1, dtype=torch.float64))[0].expand(1, 3, 1, 1)
        return noise_treatment(torch.diag((self.noise / gain.flatten()) ** 2)[None], schedule, pixel_scale)

    @property
    def uneven(self) -> bool:
        """Whether the gain differs from place to place."""
        return False
