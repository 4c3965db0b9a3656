"""Film grain and other noise of a colour, nothing else."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dreamclean.builtin.noise.coloured import Coloured
from dreamclean.builtin.noise.spectrum import at_a_pixel
from dreamclean.builtin.noise.stationary import Stationary
from dreamclean.builtin.noise.treatment import noise_treatment
from dreamclean.builtin.operators.identity import Identity
from dreamclean.contracts.covariance import Covariance
from dreamclean.contracts.levels import Schedule
from dreamclean.contracts.measurement_noise import photon_variance


class Grain(Coloured, Identity):
    """The image itself with noise of any colour: ``grain:std=20/255,blur=1`` is that of a film.

    ``noise`` and ``poisson`` add white noise, of which the mean variance counts.
    """

    name = "grain"

    def measure(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        white = torch.randn(x.shape, generator=generator, dtype=x.dtype, device="cpu").to(x.device)
        return super().measure(x, generator) + Stationary(self.spectrum()).function(white, torch.sqrt)

    def noise_variance(self, y: Tensor) -> Tensor | float:
        return super().noise_variance(y) + at_a_pixel(self.spectrum())

    def noise_covariance(self, y: Tensor) -> Covariance:
        if not (self.std or self.bands):
            return super().noise_covariance(y)
        white = float(torch.as_tensor(super().noise_variance(y)).double().mean())
        return Stationary(self.spectrum() + white * torch.eye(3, dtype=torch.float64))

    def spectrum_of_noise(self) -> Tensor:
        return self.spectrum() + super().spectrum_of_noise()

    def recipe_for(self, schedule: Schedule, pixel_scale: float) -> Mapping[str, Any]:
        """That of the noise's spectrum; of Poisson noise counts what it is at mid-grey."""
        if not (self.poisson and (self.std or self.bands)):
            return super().recipe_for(schedule, pixel_scale)
        photons = float(photon_variance(torch.tensor(0.5, dtype=torch.float64), self.poisson, 0.0))
        spectrum = self.spectrum_of_noise() + photons * torch.eye(3, dtype=torch.float64)
        return noise_treatment(spectrum, schedule, pixel_scale)

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        if self.poisson and len(y) > 1:  # each image has a mean variance of its own
            return torch.cat([self.project(x0[k : k + 1], y[k : k + 1], std) for k in range(len(y))])
        return x0 + std**2 * self.noise_covariance(y).solve(y - x0, std**2)
