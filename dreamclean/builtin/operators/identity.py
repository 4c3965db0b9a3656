"""No degradation except noise: denoising with a known noise level."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dreamclean.builtin.noise.treatment import noise_treatment, photon_treatment
from dreamclean.contracts.levels import Schedule
from dreamclean.contracts.operator import LinearOperator


class Identity(LinearOperator):
    """The image itself; with measurement noise, denoising."""

    name = "identity"

    def image_shape(self, y: Tensor) -> torch.Size:
        return y.shape

    def degrade(self, x: Tensor) -> Tensor:
        return x

    def start(self, y: Tensor) -> Tensor:
        return y

    def spectrum_of_noise(self) -> Tensor:
        """Covariance of the noise's channels (N, 3, 3) at N radial frequencies, [0, 1] scale, without Poisson noise."""
        return self.noise**2 * torch.eye(3, dtype=torch.float64)[None]

    def recipe_for(self, schedule: Schedule, pixel_scale: float) -> Mapping[str, Any]:
        """A start at the noise's own level, which with Poisson noise differs from place to place."""
        if self.poisson:  # whose start takes a latent of 0 for mid-grey
            return {} if pixel_scale != 0.5 else photon_treatment(self.poisson, self.noise, schedule, pixel_scale)
        spectrum = self.spectrum_of_noise()
        return noise_treatment(spectrum, schedule, pixel_scale) if spectrum.any() else {}

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        return v / (gain + variance)
