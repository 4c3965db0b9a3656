"""DDNM and DDNM+ (Wang, Yu & Zhang, Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model, ICLR 2023)."""

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import Denoise, Estimate, Latent, Level
from dreamclean.contracts.latent import Noise
from dreamclean_bench.method import LinearMethod, Problem
from dreamclean_bench.methods.ladder import Ladder
from dreamclean_bench.methods.sampling import renewing, sampled
from dreamclean_bench.spectral import SpectralMethod, has_spectrum, spectrum

_PAPER = "Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model (ICLR 2023)"
_ETA = "eta: share of fresh noise in each step"


class DDNM(Ladder, LinearMethod):
    """Null-space projection of the posterior mean, as if the measurement had no noise (Algorithm 1).

    x0' = A^+ y + (I - A^+ A) x0 (Eq. 13), then a step x_j = a_j x0' + s_j (sqrt(1 - eta^2) eps + eta z), which
    the published code takes in place of Eq. 14.
    """

    name = "ddnm"
    paper: ClassVar[str] = _PAPER
    eta: float = Field(default=0.85, ge=0, le=1, description=_ETA)
    cutoff: float = Field(
        default=0.03,
        ge=0,
        lt=1,
        description="Singular values along one axis up to this count as zero, where they are known",
    )

    def restore(self, problem: Problem) -> Tensor:
        linear = problem.linear()
        invert = linear.pseudo_inverse
        if has_spectrum(linear.operator):
            invert = spectrum(linear.operator, linear.operator.image_shape(linear.y), self.cutoff).pseudo_inverse

        def guided(x: Tensor, level: Level) -> Estimate:
            eps, x0 = problem.estimate.prior(x, level)
            return Estimate(eps, x0 + invert(linear.y - linear.degrade(x0)))

        return sampled(problem, self.levels(problem.model.schedule), self.initializer, renewing(self.eta), guided)


class DDNMPlus(Ladder, SpectralMethod):
    """DDNM for noisy measurements: the projection and the fresh noise are scaled to allow for y's noise (Algorithm 2).

    In the basis V of the singular value decomposition, x0' = x0 - Sigma (x0 - S^+ U^T y) (Eq. 17) and
    x_j = a_j x0' + Phi z + the rest of eps, so that every coefficient of x_j has noise s_j (the DDIM form of
    Eq. 18, 19, as in the published code; without time travel it has the moments of DDRM with eta_b = 1).
    Time travel (section 3.3) adds noise to x, some levels up, and comes down again.
    """

    name = "ddnm-plus"
    paper: ClassVar[str] = _PAPER
    eta: float = Field(default=0.85, ge=0, le=1, description=_ETA)
    travel_length: int = Field(default=1, ge=1, description="Time travel: levels to go back up")
    travel_repeat: int = Field(default=1, ge=1, description="Time travel: passes over each stretch; 1: no travel")

    def restore(self, problem: Problem) -> Tensor:
        linear, basis, levels = problem.linear(), self.spectrum(problem), self.levels(problem.model.schedule)
        ybar = basis.solved(linear.y)
        noise = basis.noise(linear.sigma, ybar)

        def step(latent: Latent, lower: Level, denoise: Denoise, draw: Noise) -> Latent:
            eps, x0 = map(basis.to, latent.estimated(denoise))
            pull, fresh, kept = self._scales(noise, lower)
            x0 = x0 + pull * (ybar - x0)
            return latent.moved(basis.back(lower.alpha * x0 + fresh * draw(x0) + kept * eps), lower)

        path = [levels[index] for index in self._path()]
        return sampled(problem, levels, self.initializer, step, path=path)

    def _scales(self, noise: Tensor, to: Level) -> tuple[Tensor, Tensor, Tensor]:
        """The diagonals of Sigma_t and Phi_t, and the share of eps, for the step to ``to``.

        ``noise`` is sigma_y / s_i, infinite where s_i = 0: those coefficients make a plain step.
        """
        old = math.sqrt(1 - self.eta**2) * to.sigma
        quieter, seen = to.alpha * noise <= to.sigma, noise.isfinite()
        partial = old / (to.alpha * noise.clamp(min=1e-12))
        filled = (to.sigma**2 - (to.alpha * noise).square()).clamp(min=0).sqrt()
        pull = torch.where(quieter, 1.0, partial)
        return pull, torch.where(quieter, filled, self.eta * to.sigma), torch.where(seen, 0.0, old)

    def _path(self) -> Iterator[int]:
        """Indices of the levels to visit: down one at a time, or up by ``travel_length`` (as in RePaint)."""
        anchors = range(self.travel_length, self.steps - self.travel_length + 1, self.travel_length)
        left = dict.fromkeys(anchors, self.travel_repeat - 1)
        index = self.steps
        while index > 0:
            index -= 1
            yield index
            if left.get(index, 0) > 0:
                left[index] -= 1
                index += self.travel_length
                yield index
