"""DDRM for any operator: the measurement's noise takes the place of noise that would be drawn anew."""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.estimate import Denoise, Estimate
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level
from dreamclean.contracts.measurement import Measurement
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.sampler import Sampler

NODES = (0.7, 1.1, 1.7, 8.0)
"""Projections are made at these multiples of r; functions of the operator's singular values are mixtures of theirs."""


class SoftDDRM(Sampler):
    """Denoising diffusion restoration (Kawar et al. 2022) with smooth thresholds, for any operator.

    Let u be the measurement's noise over a singular value of the operator, and r = s / a that of the lower level. Where u is far
    below r, the measurement is put in the place of x0, and as much less noise is drawn as it brings; where u is far above, x0 and the
    latent's noise go on. DDRM has a threshold at u = r; here y has the weight g = h (2 - h), h = r^2 / (r^2 + u^2), the noise
    kept is c (1 - h_8), c = sqrt(1 - eta^2), h_8 = (8 r)^2 / ((8 r)^2 + u^2), and so much is drawn anew that the variance is r^2:
    where y has a say, the latent's noise has y's in it, and would count it twice.
    Singular values are not needed: A^T (t^2 A A^T + S)^-1, which a projection computes, is h_t / t^2 A^+, and four of these
    make g and the rest (the variance to 2 %). The last step is the projection.

    It brings agreement by itself: it goes with guidance ``none``. With another guidance, or without an operator, it is DDIM with
    the share eta of fresh noise.
    """

    name = "soft-ddrm"
    eta: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of noise drawn anew where nothing is measured; none: halfway between 1 and the operator's least",
    )

    def __call__(self, latent: Latent, lower: Level, denoise: Denoise, noise: Noise) -> Latent:
        measured = denoise.measurement
        least = (measured.operator if measured else Operator).least_eta
        eta = (1 + least) / 2 if self.eta is None else self.eta
        if measured is None:
            estimate = latent.estimated(denoise)
            eps = math.sqrt(1 - eta**2) * estimate.eps
            if lower.sigma > 0:
                eps = eps + eta * noise(latent.x)
            return latent.moved(lower.latent(estimate.x0, eps), lower)
        estimate = denoise.prior(latent.x, latent.level)
        x = _moved(estimate, latent.level, lower, measured, eta, noise)
        return latent.moved(x, lower)


def _moved(estimate: Estimate, level: Level, lower: Level, measured: Measurement, eta: float, noise: Noise) -> Tensor:
    operator, y, codec = measured
    image = codec.decode(estimate.x0)
    if image.shape != estimate.x0.shape:
        raise DreamCleanError("sampler soft-ddrm works on pixels; choose another one for a latent prior")
    if lower.sigma == 0:
        return lower.alpha * codec.encode(operator.project(image, y, level.ratio * codec.pixel_scale))
    r, mix = lower.ratio * codec.pixel_scale, _mixture(eta)
    drawn, kept = r * noise(image), r * mix.kept * estimate.eps
    y = operator.dequantized(y, image, r)
    value, forward, _ = operator.linearize(image)
    made = image + mix.drawn[0] * drawn + kept
    for node, weight, share in zip(NODES, mix.measured, mix.drawn[1:], strict=True):
        change = share * drawn - kept if node == NODES[-1] else share * drawn
        target = value + weight * (y - value) + forward(change)
        made = made + operator.project(image, target, node * r) - image
    return lower.alpha * codec.encode(made)


class _Mixture(NamedTuple):
    """Weights of the projections at ``NODES``."""

    measured: tuple[float, ...]
    drawn: tuple[float, ...]
    """The first is that of the noise itself."""
    kept: float


@lru_cache(maxsize=8)
def _mixture(eta: float) -> _Mixture:
    """Least squares over u / r from 10^-2.5 to 10^2.5, tight at the ends: nothing measured, and no noise."""
    u = torch.logspace(-2.5, 2.5, 400, dtype=torch.float64)
    bank = torch.stack([torch.ones_like(u), *(node**2 / (node**2 + u**2) for node in NODES)], 1)
    h, kept = 1 / (1 + u**2), math.sqrt(1 - eta**2)
    measured = h * (2 - h)
    drawn = (1 - (measured * u) ** 2 - (kept * (1 - bank[:, -1])) ** 2).clamp(min=0).sqrt()
    tight = torch.ones_like(u)
    tight[0], tight[-1] = 5, 20

    def fitted(values: Tensor, basis: Tensor) -> tuple[float, ...]:
        solution = torch.linalg.lstsq(tight[:, None] * basis, (tight * values)[:, None]).solution
        return tuple(float(v) for v in solution[:, 0])

    return _Mixture(fitted(measured, bank[:, 1:]), fitted(drawn, bank), kept)
