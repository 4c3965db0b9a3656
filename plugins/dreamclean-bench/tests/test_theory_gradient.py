"""DPS, GDP, DDRM-JPEG, DiffPIR and RED where the answer is known: a Gaussian prior and a linear operator.

In the basis of the operator's right singular vectors every coefficient is a problem of its own, x ~ N(m, w^2),
y = d x + n, and each method is a chain x <- gain x + shift + N(0, fresh). Its moments are computed here once
more, from the papers' equations, as scalars in double precision. The method's own moments are measured without
sampling: its mean with the noise left out, its variance from its response to each draw of noise in turn. One
function, ``discrepancy``, serves the tests that pass and the planted mistakes that must not.
"""

import inspect
import io
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from dreamclean_bench.ddrm_blur import DDRMBlur
from dreamclean_bench.method import Method, Problem
from dreamclean_bench.methods import diffpir, gdp
from dreamclean_bench.methods.ddrm_jpeg import DDRMJPEG
from dreamclean_bench.methods.diffpir import DiffPIR
from dreamclean_bench.methods.dps import DPS
from dreamclean_bench.methods.gdp import GDP
from dreamclean_bench.methods.red import RED
from dreamclean_bench.methods.sampling import Ancestral, transition
from PIL import Image
from torch import Tensor

from dreamclean import (
    DDIM,
    JPEG,
    Blur,
    Colorize,
    Downsample,
    Estimate,
    Inpaint,
    Latent,
    Level,
    Mixture,
    Operator,
    PixelCodec,
)
from dreamclean.builtin.guidance.diffpir import DiffPIR as Guidance
from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.latent import Noise

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


def mutant(cls: type[Method], old: str, new: str) -> type[Any]:
    """The class as its file would make it with ``new`` in the place of ``old``, which stands there once."""
    source = inspect.getsource(sys.modules[cls.__module__])
    assert source.count(old) == 1
    namespace = {"__name__": cls.__module__}
    exec(source.replace(old, new), namespace)
    return namespace[cls.__name__]  # type: ignore[return-value]


def noise_variance_times(factor: float) -> Mistake:
    return lambda patch: patch.setattr(Operator, "noise_variance", lambda self, y: factor * self.noise**2)


# DPS and GDP: ancestral sampling, the mean shifted by guide(x0)


def ancestral_chain(at: World, steps: int, pull: Callable[[float, float, float, float], Tensor]) -> Chain:
    """Ho et al. 2020, Eq. 7 and 11, and ``pull(k, a, alpha, variance)`` times d (y - d x0) added to the mean."""
    for abar, lower in pairwise(kept(steps, quietest=True)):
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


STEPS = 25
DPS_EXACT = DPS(normalized=False, steps=STEPS, clip=False)


@EVERY
def test_dps_has_the_moments_of_its_algorithm(name):
    at = world(name)
    assert discrepancy(at, DPS_EXACT, dps_moments(at, STEPS), STEPS) < TOLERANCE


class Beta(DDIM):
    """Draws all the noise that the level above added, b."""

    def __call__(self, latent: Latent, lower: Level, denoise: Denoise, noise: Noise) -> Latent:
        moved = super().__call__(latent, lower, denoise, torch.zeros_like)
        extra = math.sqrt(transition(latent.level, lower)[1]) * noise(latent.x) if lower.sigma else 0.0
        return moved.corrected(moved.x + extra)


class Late(DDIM):
    """Goes to a level with the signal of the one above."""

    def __call__(self, latent: Latent, lower: Level, denoise: Denoise, noise: Noise) -> Latent:
        return super().__call__(latent, lower._replace(alpha=latent.level.alpha), denoise, noise)


def through(x0: Tensor, shift: Tensor, level: Level) -> tuple[Tensor, Tensor]:
    """A shift that stops at x0: divided by dx0 / dx."""
    return x0, shift * (level.alpha + level.sigma**2 / level.alpha / 0.04)


step_size, guide = DPS._step_size, DPS.guide
DPS_MISTAKES: dict[str, Mistake] = {
    "the gradient's sign": lambda p: p.setattr(DPS, "_step_size", lambda *a: -step_size(*a)),
    "1 / c left out": lambda p: p.setattr(DPS, "_step_size", lambda self, i, j: self.zeta * transition(i, j)[1]),
    "noise on the [0, 1] scale": noise_variance_times(0.25),
    "sigma doubled": noise_variance_times(4),
    "not through the prior": lambda p: p.setattr(DPS, "guide", lambda *a: through(*guide(*a), a[3])),
    "variance beta": lambda p: p.setattr(Ancestral, "sampler", Beta(eta=1.0)),
    "a level late": lambda p: p.setattr(Ancestral, "sampler", Late(eta=1.0)),
    "eps of the old x0": lambda p: p.setattr(
        Estimate, "from_x0", lambda x, level, x0: Estimate.from_eps(x, level, torch.zeros_like(x))
    ),
}


@pytest.mark.parametrize("mistake", DPS_MISTAKES)
def test_dps_moments_show_a_mistake(mistake, monkeypatch):
    at = world("blur")
    expected = dps_moments(at, STEPS)
    DPS_MISTAKES[mistake](monkeypatch)
    assert discrepancy(at, DPS_EXACT, expected, STEPS) > 100 * TOLERANCE


def test_dps_with_real_noise_has_these_moments_too():
    """128 images: the error of a mean is 0.09 standard deviations, of a variance, over 192 coefficients, 0.9 %."""
    at = world("blur")
    generator = torch.Generator().manual_seed(1)
    found = restored(at, DPS_EXACT, lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype), 128)
    mean, variance = dps_moments(at, STEPS)
    assert ((found.mean(0) - mean) / variance.sqrt()).square().mean().sqrt() < 0.11
    assert (found.var(0) / variance).mean() == pytest.approx(1, abs=0.03)


def shift_error(at: World, mean: Tensor) -> float:
    """Of how far the measurement moves the prior's mean, the share by which ``mean`` differs from Bayes' rule."""
    right = at.posterior_mean()
    return float((mean - right).norm() / (right - at.m).norm())


def quiet(at: World, method: Method) -> Tensor:
    """The method's mean (192): its result where all noise is 0."""
    return restored(at, method, torch.zeros_like, 1)[0]


CLOSE = 0.03
"""Of ``shift_error`` where p(y | x_t) is nearly p(y | x0(x_t)): the data's spread is a fifth of the noise's."""


def test_dps_nears_the_posterior_mean_where_its_approximation_holds():
    """The approximation's error falls as (w / sigma)^2 (Theorem 1: it vanishes for large sigma)."""
    errors = [
        shift_error(world("downsample", std), dps_moments(world("downsample", std), 1000)[0])
        for std in (0.1, 0.05, 0.025)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.2)
    at = world("downsample", 0.05)
    assert shift_error(at, quiet(at, DPS(normalized=False, clip=False))) < CLOSE


@pytest.mark.parametrize("mistake", ["sigma doubled", "the gradient's sign"])
def test_dps_with_a_mistake_is_far_from_the_posterior_mean(mistake, monkeypatch):
    at = world("downsample", 0.05)
    DPS_MISTAKES[mistake](monkeypatch)
    assert shift_error(at, quiet(at, DPS(normalized=False, clip=False, steps=200))) > 10 * CLOSE


def normalized_dps(at: World, steps: int, zeta: float) -> Tensor:
    """Algorithm 1 as its code has it, without noise: zeta times the gradient of |y - d x0|, which is k d (d x0 - y) / |.|."""
    x = torch.zeros_like(at.d)
    for abar, lower in pairwise(kept(steps, quietest=True)):
        alpha = abar / lower
        k, rest = at.denoised(math.sqrt(abar), math.sqrt(1 - abar))
        x0 = k * x + rest
        residual = at.uy - at.d * x0
        mean = math.sqrt(alpha) * (1 - lower) / (1 - abar) * x + math.sqrt(lower) * (1 - alpha) / (1 - abar) * x0
        x = mean + zeta * k * at.d * residual / residual.norm()
    return x


@pytest.mark.parametrize("zeta", [0.3, 1.0])
def test_dps_normalized_follows_the_gradient_of_the_distance(zeta, monkeypatch):
    at = world("downsample")  # its measurement has no part outside the operator's range
    expected, method = normalized_dps(at, 20, zeta), DPS(steps=20, zeta=zeta, clip=False)
    assert ((quiet(at, method) - expected) / at.w).abs().max() < TOLERANCE
    monkeypatch.setattr(DPS, "_step_size", lambda self, *a: 2 * self.zeta)  # of the squared distance, over the distance
    assert ((quiet(at, method) - expected) / at.w).abs().max() > 100 * TOLERANCE


GDP_SCALE = 2e5
"""On 8 x 8 pixels as strong as the published one is on 256 x 256."""


@EVERY
@pytest.mark.parametrize("weighted", [False, True])
def test_gdp_has_the_moments_of_its_algorithm(name, weighted):
    at = world(name)
    method = GDP(steps=STEPS, scale=GDP_SCALE, weighted=weighted, clip=False)
    assert discrepancy(at, method, gdp_moments(at, STEPS, GDP_SCALE, weighted), STEPS) < TOLERANCE


GDP_MISTAKES = {
    "the gradient's sign": ("-scale", "scale"),
    "the error on the [-1, 1] scale": ("residual = ", "residual = 2 * "),
    "its sum for its mean": (".mean(1)", ".sum(1)"),
    "a mean over the batch": (".mean(1).sum()", ".mean(1).mean()"),
    "Sigma left in": ("if self.weighted", "if not self.weighted"),
    "the scale of 256 x 256": ("x[0].numel() / _PUBLISHED", "1"),
    "x0 of the level below": ("x0 = problem.estimate.prior(x, level).x0", "x0 = problem.estimate.prior(x, lower).x0"),
}


@pytest.mark.parametrize("mistake", GDP_MISTAKES)
def test_gdp_moments_show_a_mistake(mistake):
    at = world("blur")
    method = mutant(GDP, *GDP_MISTAKES[mistake])(steps=STEPS, scale=GDP_SCALE, clip=False)
    assert discrepancy(at, method, gdp_moments(at, STEPS, GDP_SCALE, False), STEPS) > 100 * TOLERANCE


# DDRM-JPEG, with a codec that is linear


def ddrm_jpeg_moments(at: World, steps: int, eta: float, eta_b: float) -> Moments:
    """Kawar et al. 2022 (JPEG), x0' = x0 - A x0 + y, from the picture with the noise of t = 285; A^+ A is 0 or 1."""
    abars = kept(steps, top=300 - 300 // steps, quietest=True)

    def chain() -> Chain:
        for abar, lower in pairwise(abars):
            k, rest = at.denoised(math.sqrt(abar), math.sqrt(1 - abar))
            old = math.sqrt((1 - lower) * (1 - eta**2) / (1 - abar))  # x_t - a x0, times it
            of_x0 = math.sqrt(lower) * (1 - eta_b * at.d) - old * math.sqrt(abar)
            yield of_x0 * k + old, of_x0 * rest + math.sqrt(lower) * eta_b * at.uy, (1 - lower) * eta**2

    return propagate(math.sqrt(abars[0]) * at.uy, 1 - abars[0], chain())


@pytest.mark.parametrize(("eta", "eta_b"), [(1.0, 0.4), (0.6, 0.4), (1.0, 0.0)])
def test_ddrm_jpeg_has_the_moments_of_its_algorithm(eta, eta_b):
    at = world("codec")
    method = DDRMJPEG(steps=20, eta=eta, eta_b=eta_b)
    assert discrepancy(at, method, ddrm_jpeg_moments(at, 20, eta, eta_b), 20) < TOLERANCE


DDRM_JPEG_MISTAKES = {
    "the kernel's Wiener weight": (
        "x0 - codec.encode(operator.degrade(codec.decode(x0))) + y",
        "codec.encode(operator.project(codec.decode(x0), problem.y, level.ratio / 2))",
    ),
    "the rest of eta": ("renewing(self.eta)", "renewing((1 - self.eta**2) ** 0.5)"),
    "eta_b of the other": (
        "self.eta_b * agreed + (1 - self.eta_b) * x0",
        "self.eta_b * x0 + (1 - self.eta_b) * agreed",
    ),
    "y forgotten": ("decode(x0))) + y", "decode(x0))) + x0"),
    "y on the [0, 1] scale": ("y = codec.encode(problem.y)", "y = problem.y"),
    "starts from noise alone": ("ForwardNoising()", "lambda y, *a: ForwardNoising()(0 * y, *a)"),
    "starts at the highest level": ("default=300.0,", "default=None,"),
}


@pytest.mark.parametrize("mistake", DDRM_JPEG_MISTAKES)
def test_ddrm_jpeg_moments_show_a_mistake(mistake):
    at = world("codec")
    method = mutant(DDRMJPEG, *DDRM_JPEG_MISTAKES[mistake])(steps=20, eta=0.6)
    assert discrepancy(at, method, ddrm_jpeg_moments(at, 20, 0.6, 0.4), 20) > 100 * TOLERANCE


def test_ddrm_jpeg_asks_the_codec_itself():
    """One step with a prior that knows one image m: m + eta_b (y - JPEG(m)), JPEG by Pillow alone, exact in double."""
    generator = torch.Generator().manual_seed(2)
    y, centre = (torch.rand(1, 3, 24, 16, generator=generator).double() for _ in range(2))
    file = io.BytesIO()
    pixels = (centre[0].permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=20)
    coded = torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1) / 255
    problem = Problem(y, y, JPEG(quality=(20,)), Mixture.around(centre), [0])
    found = DDRMJPEG(steps=1, eta_b=0.4).restore(problem)
    torch.testing.assert_close(found, centre + 0.4 * (y - coded), rtol=0, atol=1e-6)
    kernel = problem.operator.project(centre, y, 0.1)
    assert (kernel - (centre + y - coded)).abs().max() > 0.1  # the kernel's own rule is another


# DiffPIR


def diffpir_moments(at: World, steps: int, lam: float, zeta: float) -> Moments:
    """Zhu et al. 2023, Algorithm 1: argmin |y - d x|^2 + rho |x - x0|^2, rho = lam sigma_n^2 / sigma_t^2, sigma_n in [0, 1]."""
    times = [round(999 - 999 * math.sqrt(k / (steps - 1))) for k in range(steps)]
    abar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    abars = [*(float(abar[t]) for t in times), 1.0]

    def chain() -> Chain:
        for abar, lower in pairwise(abars):
            a, s = math.sqrt(abar), math.sqrt(1 - abar)
            k, rest = at.denoised(a, s)
            rho = lam * NOISE**2 * abar / (1 - abar)
            gain, shift = rho * k / (at.d**2 + rho), (at.d * at.uy + rho * rest) / (at.d**2 + rho)
            if lower == 1:  # no data step at the lowest level
                gain, shift = k, rest
            old = math.sqrt((1 - lower) * (1 - zeta)) / s  # of (x_t - a x0')
            yield (
                math.sqrt(lower) * gain + old * (1 - a * gain),
                (math.sqrt(lower) - old * a) * shift,
                (1 - lower) * zeta,
            )

    return propagate(torch.zeros_like(at.d), 1 - abars[0], chain())


@EVERY
@pytest.mark.parametrize(("lam", "zeta"), [(8.0, 0.3), (4.0, 1.0)])
def test_diffpir_has_the_moments_of_its_algorithm(name, lam, zeta):
    at = world(name)
    method = DiffPIR(steps=STEPS, lam=lam, zeta=zeta, clip=False)
    assert discrepancy(at, method, diffpir_moments(at, STEPS, lam, zeta), STEPS) < TOLERANCE


DIFFPIR_MISTAKES = {
    "sigma_n on the [-1, 1] scale": ("2 * codec.pixel_scale", "codec.pixel_scale"),
    "sigma_t without 1 / a": ("level.ratio", "level.sigma"),
    "lambda left out": ("spread / math.sqrt(self.lam)", "spread"),
    "eps of the old x0": (
        "Estimate.from_x0(x, level, codec.encode(image))",
        "Estimate(predict(x, level).eps, codec.encode(image))",
    ),
    "the projection without noise": ("spread / math.sqrt", "1e4 / math.sqrt"),
}
"""In the kernel's guidance."""
DIFFPIR_STEP_MISTAKES = {
    "zeta not under a root": "self.zeta",
    "all noise fresh": "1.0",
    "half of it fresh": "math.sqrt(self.zeta) / 2",
}


@pytest.mark.parametrize("mistake", [*DIFFPIR_MISTAKES, *DIFFPIR_STEP_MISTAKES])
def test_diffpir_moments_show_a_mistake(mistake, monkeypatch):
    at, cls = world("blur"), DiffPIR
    if mistake in DIFFPIR_MISTAKES:
        monkeypatch.setattr(diffpir.diffpir, "DiffPIR", mutant(Guidance, *DIFFPIR_MISTAKES[mistake]))
    else:
        cls = mutant(DiffPIR, "math.sqrt(self.zeta)", DIFFPIR_STEP_MISTAKES[mistake])
    assert discrepancy(at, cls(steps=STEPS, clip=False), diffpir_moments(at, STEPS, 8.0, 0.3), STEPS) > 100 * TOLERANCE


def test_diffpir_with_lambda_4_has_the_weight_of_bayes():
    """One step from t = 100 with a prior that knows one image: the posterior mean for an estimate of deviation s / a."""
    at, prior = world("blur"), Mixture.around(PixelCodec().decode(world("blur").prior.means))
    expected = at.operator.project(PixelCodec().decode(prior.means), at.y, prior.schedule.at(100).ratio / 2)
    problem = Problem(at.y, at.y, at.operator, prior, [0])
    found = DiffPIR(steps=1, strength=100, lam=4.0, clip=False).restore(problem)
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE)
    other = DiffPIR(steps=1, strength=100, lam=8.0, clip=False).restore(problem)
    assert (other - expected).abs().max() > 100 * TOLERANCE


# RED


def denoiser(at: World, sigma_f: float) -> tuple[float, Tensor]:
    """The posterior mean at the level whose s / a is nearest to sigma_f, as a function of x: gain and rest."""
    abars = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)[1:]
    ratios = (1 / abars - 1).sqrt()
    variance = float(ratios[(ratios - 2 * sigma_f / 255).abs().argmin()]) ** 2
    gain = at.w**2 / (at.w**2 + variance)
    return gain, (1 - gain) * at.m


def red_mean(at: World, method: RED) -> Tensor:
    """Romano et al. 2017, section 4.2, iteration by iteration, from the pseudo-inverse."""
    weight = method.lam * (255 * NOISE) ** 2  # both on the scale of [0, 255]
    gain, rest = denoiser(at, method.sigma_f)
    x = torch.where(at.d > 1e-9, at.uy / at.d, 0.0)
    for _ in range(method.iterations):
        f = gain * x + rest
        if method.solver == "fixed-point":
            x = (at.d * at.uy + weight * f) / (at.d**2 + weight)
        else:
            x = x - method.step / (1 + weight) * (at.d * (at.d * x - at.uy) + weight * (x - f))
    return x


FREE: dict[str, Any] = {"start": "pseudo-inverse", "clip": False}
RED_SETTINGS: dict[str, dict[str, Any]] = {
    "fixed-point": {"iterations": 7, "sigma_f": 20.0, "lam": 0.002, **FREE},
    "gradient": {"iterations": 7, "sigma_f": 20.0, "lam": 0.002, "solver": "gradient", "step": 0.7, **FREE},
}


@EVERY
@pytest.mark.parametrize("settings", RED_SETTINGS.values(), ids=RED_SETTINGS)
def test_red_takes_the_steps_of_its_paper(name, settings):
    at, method = world(name), RED(**settings)
    assert discrepancy(at, method, (red_mean(at, method), torch.zeros(())), 0) < TOLERANCE


@pytest.mark.parametrize("solver", ["fixed-point", "gradient"])
def test_red_ends_at_the_posterior_mean(solver):
    """Where lambda (1 - gain) = 1 / w^2 the minimum is the posterior's, which is Gaussian: its mode and mean."""
    at = world("blur")
    gain, _ = denoiser(at, 20.0)
    lam = 1 / (at.w**2 * (1 - gain)) / 127.5**2
    found = quiet(
        at, RED(iterations=60, sigma_f=20.0, lam=lam, solver=solver, step=1.5 if solver == "gradient" else 1, **FREE)
    )
    assert shift_error(at, found) < TOLERANCE
    assert shift_error(at, quiet(at, RED(iterations=60, sigma_f=20.0, lam=1.05 * lam, **FREE))) > 100 * TOLERANCE


RED_MISTAKES = {
    "sigma on the [-1, 1] scale": ("fixed-point", "(linear.sigma * 255 / 2)", "(linear.sigma * 255)"),
    "sigma_f on the [0, 1] scale": ("fixed-point", "(2 * self.sigma_f / 255)", "(self.sigma_f / 255)"),
    "x for a x": ("fixed-point", "prior(level.alpha * x, level)", "prior(x, level)"),
    "sigma for sigma^2": ("fixed-point", "255 / 2) ** 2", "255 / 2)"),
    "the gradient's sign": ("gradient", "- self.step", "+ self.step"),
    "the denoiser's pull reversed": ("gradient", "(x - f)", "(f - x)"),
    "the step not scaled": ("gradient", "self.step / (1 + weight)", "self.step"),
    "half the data term": ("gradient", "linear.adjoint(", "0.5 * linear.adjoint("),
}


@pytest.mark.parametrize("mistake", RED_MISTAKES)
def test_red_steps_show_a_mistake(mistake):
    solver, old, new = RED_MISTAKES[mistake]
    at, right = world("inpaint"), RED(**RED_SETTINGS[solver])
    wrong = mutant(RED, old, new)(**RED_SETTINGS[solver])
    assert discrepancy(at, wrong, (red_mean(at, right), torch.zeros(())), 0) > 100 * TOLERANCE


def test_diffpir_clips_the_priors_estimate_as_published():
    """With a prior that knows one image brighter than white, and a data step that hardly moves it."""
    at, bright = world("blur"), Mixture.around(torch.full((1, 3, SIDE, SIDE), 1.5).double())
    problem = Problem(at.y, at.y, at.operator, bright, [0])
    clipped, free = (DiffPIR(steps=1, strength=100, lam=1e6, clip=clip).restore(problem) for clip in (True, False))
    torch.testing.assert_close(clipped, torch.ones_like(clipped), rtol=0, atol=1e-3)
    torch.testing.assert_close(free, torch.full_like(free, 1.5), rtol=0, atol=1e-3)


def test_red_starts_from_a_picture_and_stays_one():
    """A^+ of a blurred picture is amplified noise, which a few iterations do not leave."""
    at = world("blur")
    first, amplified = (
        RED(iterations=1, start=start, clip=False).restore(Problem(at.y, at.y, at.operator, at.prior, [0]))
        for start in ("image", "pseudo-inverse")
    )
    assert first.std() < 0.5 * amplified.std()
    clipped = RED(iterations=1, start="pseudo-inverse").restore(Problem(at.y, at.y, at.operator, at.prior, [0]))
    torch.testing.assert_close(clipped, amplified.clamp(0, 1))


@pytest.mark.parametrize(
    ("operator", "scale"),
    [
        (Downsample(factor=4), 2000),
        (Inpaint(), 4000),
        (Blur(), 6000),
        (DDRMBlur(), 6000),
        (Colorize(), 6000),
        (Blocks(), 2000),
    ],
    ids=str,
)
def test_gdp_has_the_published_scale_of_the_operator(operator, scale):
    assert gdp._published(operator) == scale
