"""DDRM for any operator: the measurement's noise takes the place of noise that would be drawn anew."""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from dreamclean.contracts.covariance import Covariance, Independent
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.estimate import Denoise, Estimate
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level
from dreamclean.contracts.measurement import Measurement
from dreamclean.contracts.operator import LinearOperator, Operator
from dreamclean.contracts.sampler import Sampler

NODES = (0.7, 1.1, 1.7, 8.0)
"""Projections are made at these multiples of r; functions of the operator's singular values are mixtures of theirs."""
BEYOND = 1.4
"""Measured with that much noise, on the [0, 1] scale, or more, a direction is as good as never measured."""
TRUST = 1.1
"""White noise is taken for so many times less, if nothing else is said."""


class SoftDDRM(Sampler):
    """Denoising diffusion restoration (Kawar et al. 2022) with smooth thresholds, for any operator.

    Let u be the measurement's noise over a singular value of the operator, and r = s / a that of the lower level. Where u is far
    below r, the measurement is put in the place of x0, and as much less noise is needed as it brings; where u is far above, x0 and the
    latent's noise go on. DDRM has a threshold at u = r; here y has the weight g = h (2 - h), h = r^2 / (r^2 + u^2), of x0's
    difference from it, so that it brings noise of g u. The latent's own noise is the measurement's, as far as it was measured, so the
    two add up, and the latent gives what is missing, r - g u. Noise is drawn only where nothing is measured: there (u above ``BEYOND``)
    a share sqrt(1 - eta^2) is kept, and as much drawn as makes the variance r^2. Where y's noise is not white, or not noise but rounding,
    or the operator not linear, what y brings is not known so well: it counts as independent, c (1 - h_8) is kept, c = sqrt(1 - eta^2),
    h_8 = (8 r)^2 / ((8 r)^2 + u^2), and the rest drawn.
    Singular values are not needed: A^T (t^2 A A^T + S)^-1, which a projection computes, is h_t / t^2 A^+, and mixtures of a few of these
    make g and the rest. The last step is the projection.

    It brings agreement by itself: it goes with guidance ``none``. With another guidance, or without an operator, it is DDIM with
    the share eta of fresh noise.
    """

    name = "soft-ddrm"
    eta: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of noise drawn anew where nothing is measured; none: the operator's usual_eta",
    )

    trust: float = Field(
        default=TRUST,
        gt=0,
        le=4,
        description="White noise of the measurement is taken for so many times less: more is crisper, and errs more",
    )

    def __call__(self, latent: Latent, lower: Level, denoise: Denoise, noise: Noise) -> Latent:
        measured = denoise.measurement
        usual = measured.operator.usual_eta if measured else (1 + Operator.least_eta) / 2
        eta = usual if self.eta is None else self.eta
        if measured is None:
            estimate = latent.estimated(denoise)
            eps = math.sqrt(1 - eta**2) * estimate.eps
            if lower.sigma > 0:
                eps = eps + eta * noise(latent.x)
            return latent.moved(lower.latent(estimate.x0, eps), lower)
        estimate = denoise.prior(latent.x, latent.level)
        x = self._moved(estimate, latent.level, lower, measured, eta, noise)
        return latent.moved(x, lower)

    def _moved(
        self, estimate: Estimate, level: Level, lower: Level, measured: Measurement, eta: float, noise: Noise
    ) -> Tensor:
        operator, y, codec = measured
        image = codec.decode(estimate.x0)
        if image.shape != estimate.x0.shape:
            raise DreamCleanError("sampler soft-ddrm works on pixels; choose another one for a latent prior")
        if lower.sigma == 0:
            return lower.alpha * codec.encode(operator.project(image, y, level.ratio * codec.pixel_scale))
        r = lower.ratio * codec.pixel_scale
        told = operator.dequantized(y, image, r)
        known = told is y and isinstance(operator, LinearOperator) and _white(operator.noise_covariance(y))
        mix = _continued(eta, self.trust, BEYOND / r) if known else _independent(eta)
        drawn, kept = r * noise(image), r * estimate.eps
        value, forward, _ = operator.linearize(image)
        made = image + mix.drawn[0] * drawn + mix.kept[0] * kept
        for node, weight, fresh, own in zip(mix.nodes, mix.measured, mix.drawn[1:], mix.kept[1:], strict=True):
            target = value + weight * (told - value) + forward(fresh * drawn + own * kept)
            made = made + operator.project(image, target, node * r) - image
        return lower.alpha * codec.encode(made)


def _white(noise: Covariance) -> bool:
    """Whether the noise is independent, and the same everywhere."""
    return isinstance(noise, Independent) and torch.as_tensor(noise.variance).ndim == 0


class _Mixture(NamedTuple):
    """Weights of projections at ``nodes`` times r."""

    nodes: tuple[float, ...]
    measured: tuple[float, ...]
    """Of the measurement."""
    drawn: tuple[float, ...]
    """Of noise drawn anew; the first is that of the noise itself."""
    kept: tuple[float, ...]
    """Of the latent's noise, alike."""


@lru_cache(maxsize=256)
def _continued(eta: float, trust: float, beyond: float) -> _Mixture:
    """What y does not bring of a level's noise, the latent gives: r - g u, and where u is above ``beyond`` r the share c of it.

    Known to 2 % of y's weight, and to 7 % of the noise.
    """
    nodes = (*(trust * node for node in (*NODES[:3], 6.0)), beyond)
    u, bank = _bank(nodes, 4.0)
    c, far = math.sqrt(1 - eta**2), bank[:, -1]
    weight, share = _weight(u / trust), c + (1 - c) * far
    own = (1 - weight * u).clamp(min=0) * share
    fresh = (1 - (weight * u + own) ** 2).clamp(min=0).sqrt()
    return _Mixture(nodes, _fitted(weight, bank[:, 1:]), _fitted(fresh, bank), _fitted(own, bank))


@lru_cache(maxsize=8)
def _independent(eta: float) -> _Mixture:
    """As if y's noise had nothing to do with the latent's: to 2 %."""
    u, bank = _bank(NODES, 2.5)
    c, weight = math.sqrt(1 - eta**2), _weight(u)
    fresh = (1 - (weight * u) ** 2 - (c * (1 - bank[:, -1])) ** 2).clamp(min=0).sqrt()
    return _Mixture(NODES, _fitted(weight, bank[:, 1:]), _fitted(fresh, bank), (c, 0.0, 0.0, 0.0, -c))


def _weight(u: Tensor) -> Tensor:
    """Of a measurement whose noise is ``u`` times the level's."""
    h = 1 / (1 + u**2)
    return h * (2 - h)


def _bank(nodes: tuple[float, ...], decades: float) -> tuple[Tensor, Tensor]:
    """u / r, from 10^-2.5 to 10^``decades``, and 1 and h at the ``nodes`` of each."""
    u = torch.logspace(-2.5, decades, round(80 * (2.5 + decades)), dtype=torch.float64)
    return u, torch.stack([torch.ones_like(u), *(node**2 / (node**2 + u**2) for node in nodes)], 1)


def _fitted(values: Tensor, basis: Tensor) -> tuple[float, ...]:
    """Least squares, tight at the ends: nothing measured, and no noise."""
    tight = torch.ones_like(values)
    tight[0], tight[-1] = 5, 20
    solution = torch.linalg.lstsq(tight[:, None] * basis, (tight * values)[:, None]).solution
    return tuple(float(v) for v in solution[:, 0])
