"""DDRM (Kawar, Elad, Ermon & Song, Denoising Diffusion Restoration Models, NeurIPS 2022)."""

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dreamclean.contracts.levels import descending
from dreamclean_bench.method import Problem
from dreamclean_bench.methods.ladder import Ladder
from dreamclean_bench.spectral import SpectralMethod


class DDRM(Ladder, SpectralMethod):
    """Denoising diffusion restoration: measured coefficients are drawn towards y as far as the noise allows.

    In the basis of the operator's right singular vectors, xbar = V^T x and ybar = S^+ U^T y, and on the
    variance-exploding scale x_t = x_0 + sigma_t eps, sigma = s/a (Eq. 4 to 8; sigma_y / s_i is the
    standard deviation of ybar_i).
    """

    name = "ddrm"
    paper: ClassVar[str] = "Denoising Diffusion Restoration Models (NeurIPS 2022)"
    eta: float = Field(
        default=0.85, ge=0, le=1, description="eta: share of fresh noise where nothing is measured, or too noisily"
    )
    eta_b: float = Field(
        default=1.0, ge=0, le=1, description="eta_b: weight of the measurement where it is less noisy than the level"
    )

    def restore(self, problem: Problem) -> Tensor:
        linear, spectrum = problem.linear(), self.spectrum(problem)
        levels = self.levels(problem.model.schedule)
        ybar = spectrum.solved(linear.y)
        noise = spectrum.noise(linear.sigma, ybar)
        unseen = torch.zeros_like(ybar) if self.strength is None else spectrum.to(problem.start)
        xbar = _first(ybar, noise, levels[-1].ratio, problem.noise(ybar), unseen)
        for level, lower in descending(levels):
            x0 = spectrum.to(problem.estimate.prior(level.alpha * spectrum.back(xbar), level).x0)
            mean, variance = self._transition(xbar, x0, ybar, noise, level.ratio, lower.ratio)
            xbar = mean + variance.clamp(min=0).sqrt() * problem.noise(xbar)
        return problem.model.codec.decode(spectrum.back(xbar))

    def _transition(
        self, xbar: Tensor, x0: Tensor, ybar: Tensor, noise: Tensor, sigma: float, lower: float
    ) -> tuple[Tensor, Tensor]:
        """Mean and variance of p(xbar_t | xbar_{t+1}, x0, y) (Eq. 5, 8), each (B, 3, H, W).

        ``noise`` is sigma_y / s_i, infinite where s_i = 0; ``sigma`` is sigma_{t+1}, ``lower`` sigma_t.
        """
        kept = math.sqrt(1 - self.eta**2) * lower
        unseen = x0 + kept * (xbar - x0) / sigma
        noisier = x0 + kept * (ybar - x0) / noise.clamp(min=1e-12)
        quieter = (1 - self.eta_b) * x0 + self.eta_b * ybar
        mean = torch.where(noise.isinf(), unseen, torch.where(lower < noise, noisier, quieter))
        fresh = torch.full_like(noise, (self.eta * lower) ** 2)
        return mean, torch.where(lower < noise, fresh, lower**2 - (self.eta_b * noise) ** 2)


def _first(ybar: Tensor, noise: Tensor, sigma: float, z: Tensor, unseen: Tensor) -> Tensor:
    """xbar_T: N(ybar, sigma_T^2 - sigma_y^2 / s_i^2), and N(unseen, sigma_T^2) where s_i = 0 (Eq. 4, 7).

    ``unseen`` is 0 in the paper, whose sigma_T hides any picture. A measurement noisier than sigma_T, which that
    choice excludes, is not used.
    """
    variance = sigma**2 - noise.square()
    return torch.where(variance >= 0, ybar + variance.clamp(min=0).sqrt() * z, unseen + sigma * z)
