"""DPS, GDP, DDRM-JPEG, DiffPIR and RED where the answer is known: a Gaussian prior and a linear operator.

In the basis of the operator's right singular vectors every coefficient is a problem of its own, x ~ N(m, w^2),
y = d x + n, and each method is a chain x <- gain x + shift + N(0, fresh). Its moments are computed here once
more, from the papers' equations, as scalars in double precision. The method's own moments are measured without
sampling: its mean with the noise left out, its variance from its response to each draw of noise in turn. One
function, ``discrepancy``, serves the tests that pass and the planted mistakes that must not.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from dreamclean_bench.method import Linear, Method, Problem
from dreamclean_bench.methods import dps, gdp, sampling
from dreamclean_bench.methods.ddrm_jpeg import DDRMJPEG
from dreamclean_bench.methods.diffpir import DiffPIR
from dreamclean_bench.methods.dps import DPS
from dreamclean_bench.methods.gdp import GDP
from dreamclean_bench.methods.red import RED
from torch import Tensor

from dreamclean import JPEG, Blur, Downsample, Estimator, Inpaint, Mixture, Operator

SIDE, NOISE, STD = 8, 0.2, 0.1
TOLERANCE = 1e-5
"""Of a mean, in standard deviations of the prior, and of a variance, relative. The arithmetic is double but for the
noise's variance, which the kernel hands on in single precision: 6e-8, which some hundred steps may multiply."""

OPERATORS: dict[str, Operator] = {
    "downsample": Downsample(factor=2, noise=NOISE),
    "inpaint": Inpaint(share=0.5, noise=NOISE),
    "blur": Blur(shape="gaussian", size=5, std=(1.0,), noise=NOISE),
}
EVERY = pytest.mark.parametrize("name", OPERATORS)
Mistake = Callable[[pytest.MonkeyPatch], object]


class Blocks(JPEG):
    """A codec that is linear: each block of 2 x 2 pixels is kept as its mean. Decoding an encoding twice adds nothing."""

    def degrade(self, x: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(x, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)


@dataclass(frozen=True)
class World:
    """One problem, as the method gets it and as scalars (192), float64, on the [-1, 1] scale."""

    operator: Operator
    prior: Mixture
    y: Tensor
    right: Tensor
    """V (192, 192), singular vectors as columns."""
    d: Tensor
    """Singular values."""
    m: Tensor
    uy: Tensor
    """U^T y."""
    w: float
    sigma: float

    def posterior_mean(self) -> Tensor:
        return self.m + self.d * self.w**2 * (self.uy - self.d * self.m) / (self.d**2 * self.w**2 + self.sigma**2)

    def denoised(self, a: float, s: float) -> tuple[float, Tensor]:
        """E[x_0 | x_t] = k x_t + (1 - k a) m: k and the rest."""
        k = a * self.w**2 / (a**2 * self.w**2 + s**2)
        return k, (1 - k * a) * self.m


@cache
def world(name: str, std: float = STD) -> World:
    """A problem whose prior has standard deviation ``std`` around one image, on the [0, 1] scale."""
    operator = OPERATORS.get(name) or Blocks()
    generator = torch.Generator().manual_seed(0)
    centre = 0.3 + 0.4 * torch.rand(1, 3, SIDE, SIDE, generator=generator).double()
    y = operator.measure(centre + std * torch.randn(centre.shape, generator=generator), generator)
    dense = operator.degrade(torch.eye(3 * SIDE**2, dtype=torch.float64).view(-1, 3, SIDE, SIDE)).flatten(1).mT
    u, s, vh = torch.linalg.svd(dense)
    d, uy = torch.zeros(2, len(vh), dtype=torch.float64)
    d[: len(s)] = s
    uy[: len(s)] = (u.mT @ (2 * y.flatten() - dense.sum(1)))[: len(s)]  # what an image in [-1, 1] would have given
    m = vh @ (2 * centre.flatten() - 1)
    return World(operator, Mixture.around(centre, std=std), y, vh.mT, d, m, uy, 2 * std, 2 * operator.noise)


Chain = Iterator[tuple[Tensor | float, Tensor | float, float]]
"""Gain, shift and fresh variance of each step."""
Moments = tuple[Tensor, Tensor]


def propagate(mean: Tensor | float, variance: float, chain: Chain) -> Moments:
    """Mean and variance (192) at the end of a chain."""
    for gain, shift, fresh in chain:
        mean, variance = gain * mean + shift, gain**2 * variance + fresh
    return torch.as_tensor(mean), torch.as_tensor(variance)


def restored(at: World, method: Method, noise: Callable[[Tensor], Tensor], count: int) -> Tensor:
    """``count`` results with this noise, as coefficients (count, 192) on the [-1, 1] scale."""
    y = at.y.expand(count, *at.y.shape[1:])
    problem = Problem(y, y, at.operator, at.prior, range(count))
    problem.noise = noise
    with torch.no_grad():
        image = method.restore(problem)
    return (2 * image - 1).flatten(1) @ at.right


def measured(at: World, method: Method, draws: int) -> Moments:
    """The method's mean and variance, exact for a chain of Gaussians with ``draws`` draws of noise.

    Of the batch's images the first gets no noise, and number i gets 1 in every coefficient at draw i and
    else 0: its distance from the first is what that draw does.
    """
    calls = iter(range(1, draws + 1))
    unit = at.right.sum(1).view(1, 3, SIDE, SIDE)

    def impulse(x: Tensor) -> Tensor:
        z = torch.zeros_like(x)
        z[next(calls)] = unit
        return z

    found = restored(at, method, impulse, draws + 1)
    assert next(calls, None) is None, "the method drew less noise"
    return found[0], (found[1:] - found[0]).square().sum(0)


def discrepancy(at: World, method: Method, expected: Moments, draws: int) -> float:
    """The largest error of any coefficient: of a mean in standard deviations of the prior, of a variance relative."""
    mean, variance = measured(at, method, draws)
    off = ((mean - expected[0]) / at.w).abs().max()
    return max(float(off), float((variance / expected[1] - 1).abs().nan_to_num(0).max()))


def kept(steps: int, top: int = 999, quietest: bool = False) -> list[float]:
    """abar from the top down to the picture's 1: linear beta, 1e-4 ... 0.02, T = 1000."""
    abar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    times = [round(top * k / (steps - quietest)) for k in range(steps - quietest, -quietest, -1)]
    return [*(float(abar[t]) for t in times), 1.0]


def noise_variance_times(factor: float) -> Mistake:
    return lambda patch: patch.setattr(Operator, "noise_variance", lambda self, y: factor * self.noise**2)


# DPS and GDP: ancestral sampling, the mean shifted by guide(x0)


def ancestral_chain(at: World, steps: int, pull: Callable[[float, float, float, float], Tensor]) -> Chain:
    """Ho et al. 2020, Eq. 7 and 11, and ``pull(k, a, alpha, variance)`` times d (y - d x0) added to the mean."""
    for abar, lower in zip(kept(steps, quietest=True), kept(steps, quietest=True)[1:], strict=False):
        alpha = abar / lower
        beta = 1 - alpha
        k, rest = at.denoised(math.sqrt(abar), math.sqrt(1 - abar))
        fresh = beta * (1 - lower) / (1 - abar)
        of_x0 = math.sqrt(lower) * beta / (1 - abar) - pull(k, abar, alpha, fresh) * at.d**2
        of_x = math.sqrt(alpha) * (1 - lower) / (1 - abar)
        yield of_x + of_x0 * k, of_x0 * rest + pull(k, abar, alpha, fresh) * at.d * at.uy, fresh


def dps_moments(at: World, steps: int, zeta: float = 1.0) -> Moments:
    """Chung et al. 2023, Algorithm 1, step size zeta / 2 sigma^2 times beta / sqrt(alpha); d x0 / d x_t = k."""
    chain = ancestral_chain(at, steps, lambda k, _, alpha, __: zeta * (1 - alpha) / alpha**0.5 * k / at.sigma**2)
    return propagate(torch.zeros_like(at.d), 1 - kept(steps, quietest=True)[0], chain)


def gdp_moments(at: World, steps: int, scale: float, weighted: bool) -> Moments:
    """Fei et al. 2023: scale (times Sigma) times the gradient of the mean squared error, in [0, 1], at x0."""
    slope = scale * 3 * SIDE**2 / (3 * 256**2) / (2 * at.y.numel())
    chain = ancestral_chain(at, steps, lambda _, __, ___, fresh: slope * (fresh if weighted else 1))
    return propagate(torch.zeros_like(at.d), 1 - kept(steps, quietest=True)[0], chain)


STEPS = 60
DPS_EXACT = DPS(normalized=False, steps=STEPS, clip=False)


@EVERY
def test_dps_has_the_moments_of_its_algorithm(name):
    at = world(name)
    assert discrepancy(at, DPS_EXACT, dps_moments(at, STEPS), STEPS) < TOLERANCE


step_size, guide, between, ancestral = DPS._step_size, DPS._guide, sampling.transition, sampling.ancestral
DPS_MISTAKES: dict[str, Mistake] = {
    "the gradient's sign": lambda p: p.setattr(DPS, "_step_size", lambda *a: -step_size(*a)),
    "1 / c left out": lambda p: p.setattr(DPS, "_step_size", lambda self, i, j: self.zeta * between(i, j)[1]),
    "noise on the [0, 1] scale": noise_variance_times(0.25),
    "sigma doubled": noise_variance_times(4),
    "not through the prior": lambda p: p.setattr(
        DPS, "_guide", lambda self, q, x, i: (g := guide(self, q, x, i))[:1] + (g[1] * (i.a + i.s**2 / i.a / 0.04),)
    ),
    "variance beta": lambda p: p.setattr(dps, "ancestral", lambda *a: (ancestral(*a)[0], between(*a[2:])[1] * (a[3].s > 0))),
    "a level late": lambda p: p.setattr(dps, "ancestral", lambda x, x0, i, j: ancestral(x, x0, i, j._replace(a=i.a))),
}


@pytest.mark.parametrize("mistake", DPS_MISTAKES)
def test_a_mistake_in_dps_is_seen(mistake, monkeypatch):
    at = world("blur")
    expected = dps_moments(at, STEPS)
    DPS_MISTAKES[mistake](monkeypatch)
    assert discrepancy(at, DPS_EXACT, expected, STEPS) > 100 * TOLERANCE


def test_dps_with_real_noise_has_these_moments_too():
    """256 images: a mean's error is 0.06 standard deviations, a variance's, over 192 coefficients, 0.6 %."""
    at = world("blur")
    generator = torch.Generator().manual_seed(1)
    found = restored(at, DPS_EXACT, lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype), 256)
    mean, variance = dps_moments(at, STEPS)
    assert ((found.mean(0) - mean) / variance.sqrt()).square().mean().sqrt() < 0.08
    assert (found.var(0) / variance).mean() == pytest.approx(1, abs=0.03)


def shift_error(at: World, mean: Tensor) -> float:
    """Of how far the measurement moves the prior's mean, the share by which ``mean`` differs from Bayes' rule."""
    right = at.posterior_mean()
    return float((mean - right).norm() / (right - at.m).norm())
