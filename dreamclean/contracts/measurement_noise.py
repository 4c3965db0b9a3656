"""Noise of a measurement: the settings that every operator has for it, and its variance."""

from typing import ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from dreamclean.contracts.component import Component
from dreamclean.contracts.covariance import Covariance, Independent


def check_noise(noise: float) -> float:
    """``noise`` itself, the standard deviation of a picture's noise; ValueError if it is not on the [0, 1] scale."""
    if noise > 1:
        raise ValueError(f"noise is on the [0, 1] scale; did you mean {noise:g}/255?")
    return noise


def photon_variance(brightness: Tensor, rate: float, white: float) -> Tensor:
    """Variance of y = P(255 rate x) / (255 rate) and ``white`` noise beside it, at ``brightness`` x in [0, 1]."""
    return white**2 + brightness.clamp(min=1 / 255) / (255 * rate)


class MeasurementNoise(Component):
    """Gaussian noise, Poisson noise or both, independent from value to value of a measurement y."""

    viewable: ClassVar[bool] = True
    """Whether a measurement is a picture, (B, 1 or 3, h, w) near [0, 1]."""

    noise: float = Field(
        default=0.0, ge=0, description="Standard deviation of Gaussian measurement noise, [0, 1] scale"
    )
    poisson: float = Field(
        default=0.0, ge=0, description="Rate of Poisson noise: y = P(255 rate Ax) / (255 rate); 0: none"
    )

    @field_validator("noise")
    @classmethod
    def _noise(cls, noise: float) -> float:
        return check_noise(noise) if cls.viewable else noise

    def add_noise(self, y: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """``y`` and its noise, drawn on the CPU from ``generator``."""
        if self.poisson:
            rate = 255 * self.poisson
            y = (torch.poisson(y.clamp(min=0).cpu() * rate, generator=generator) / rate).to(y)
        if self.noise:
            y = y + self.noise * torch.randn(y.shape, generator=generator, dtype=y.dtype, device="cpu").to(y.device)
        return y

    def noise_variance(self, y: Tensor) -> Tensor | float:
        """Variance of the measurement noise: a number, or a tensor shaped as ``y``."""
        if not self.poisson:
            return self.noise**2
        return photon_variance(y, self.poisson, self.noise)

    def noise_covariance(self, y: Tensor) -> Covariance:
        """Covariance of the measurement noise: by default independent noise of ``noise_variance(y)``.

        Override it for noise that is not: of a colour, correlated between channels, or rounded in another basis.
        """
        return Independent(self.noise_variance(y))
