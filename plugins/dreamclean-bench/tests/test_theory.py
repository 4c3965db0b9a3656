"""DDRM, DDNM+, PiGDM and SNIPS where the answer is known: a Gaussian prior and a linear operator.

In the basis of the operator's right singular vectors every coefficient is a problem of its own, x ~ N(m, w^2),
y = d x + n. The moments that a method should have are written here once more, from the papers' equations, as
scalars in double precision: nothing of the bench's, or of the kernel's operators but ``degrade``, takes part. A
sample's distance from them is one number, ``discrepancy``, and for every method a table of planted mistakes
shows that each of them is seen.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import pytest
import torch
from dreamclean_bench.method import Method, Problem
from dreamclean_bench.methods.ddnm import DDNM, DDNMPlus
from dreamclean_bench.methods.ddrm import DDRM
from dreamclean_bench.methods.pigdm import PiGDM
from dreamclean_bench.methods.snips import SNIPS
from dreamclean_bench.spectral import Spectrum
from torch import Tensor

from dreamclean import Blur, Colorize, Downsample, Inpaint, Latent, Level, LinearOperator, Mixture
from dreamclean.builtin.guidance import pigdm
from dreamclean.contracts.estimate import Estimate
from dreamclean.contracts.latent import Noise
from dreamclean.method import loop

SIDE, SAMPLES, NOISE, CUTOFF = 8, 512, 0.05, 0.03
OPERATORS: dict[str, LinearOperator] = {
    "downsample": Downsample(factor=2, noise=NOISE),
    "inpaint": Inpaint(share=0.5, noise=NOISE),
    "blur": Blur(shape="gaussian", size=5, std=(1.0,), noise=NOISE),
    "colorize": Colorize(noise=NOISE),
}
EVERY = pytest.mark.parametrize("name", OPERATORS)
TOLERANCE = 0.12
"""Of a mean, in standard deviations (root mean square over a group of coefficients), and of a variance, relative.

512 samples leave 0.044 of the one and, in the smallest group of 16 coefficients, 0.016 of the other.
"""


@dataclass(frozen=True)
class World:
    """One problem, as the method gets it and as scalars (192), float64, on the [-1, 1] scale."""

    operator: LinearOperator
    prior: Mixture
    y: Tensor
    right: Tensor
    """V (192, 192), singular vectors as columns."""
    d: Tensor
    """Singular values, 0 where that of the rows or that of the columns is under the cutoff."""
    m: Tensor
    w: float
    uy: Tensor
    """U^T y."""

    @property
    def ybar(self) -> Tensor:
        return torch.where(self.d > 0, self.uy / self.d, 0.0)

    @property
    def n(self) -> Tensor:
        """Standard deviation of the measurement error of each coefficient."""
        return 2 * NOISE / self.d


@cache
def world(name: str, std: float, cutoff: float = CUTOFF) -> World:
    """A problem whose prior has standard deviation ``std`` around one image, on the [0, 1] scale."""
    operator, generator = OPERATORS[name], torch.Generator().manual_seed(0)
    centre = 0.3 + 0.4 * torch.rand(1, 3, SIDE, SIDE, generator=generator)
    image = centre + std * torch.randn(centre.shape, generator=generator)
    y = operator.measure(image, generator)
    dense = operator.degrade(torch.eye(3 * SIDE**2, dtype=torch.float64).view(-1, 3, SIDE, SIDE)).flatten(1).mT
    u, s, vh, weakest = decomposed(operator, dense)
    torch.testing.assert_close(u[:, : len(s)] * s @ vh[: len(s)], dense)
    d, uy = torch.zeros(len(vh), dtype=torch.float64), torch.zeros(len(vh), dtype=torch.float64)
    d[: len(s)] = torch.where(weakest > cutoff, s, 0.0)
    shifted = 2 * y.double().flatten() - dense.sum(1)  # what an image in [-1, 1] would have given
    uy[: len(s)] = (u.mT @ shifted)[: len(s)]
    m = vh @ (2 * centre.double().flatten() - 1)
    return World(operator, Mixture.around(centre, std=std), y, vh.mT, d, m, 2 * std, uy)


def decomposed(operator: LinearOperator, dense: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """U, S, V^T, and the weakest of the factors of each singular value: of rows and of columns, of a blur."""
    if not isinstance(operator, Blur):
        u, s, vh = torch.linalg.svd(dense)
        return u, s, vh, s
    (ur, r, vr), (uc, c, vc) = (torch.linalg.svd(operator.matrix(SIDE, axis)) for axis in (0, 1))
    s, weakest = (f(r[:, None], c).flatten().repeat(3) for f in (torch.mul, torch.minimum))
    u, vh = (torch.block_diag(*[torch.kron(*pair)] * 3) for pair in ((ur, uc), (vr, vc)))
    return u, s, vh, weakest


def discrepancy(found: Tensor, mean: Tensor, variance: Tensor, d: Tensor) -> float:
    """The largest error over groups of like coefficients: not measured, measured weakly, measured well.

    ``found``: samples (N, 192). Of a mean: root mean square in standard deviations; of a variance: relative.
    """
    median = d[d > 0].median()
    errors = []
    for group in (d == 0, (d > 0) & (d < median), d >= median):
        if group.any():
            bias = (found.mean(0) - mean)[group] / variance[group].sqrt()
            spread = (found.var(0)[group] / variance[group]).mean() - 1
            errors += [bias.square().mean().sqrt().item(), abs(spread.item())]
    return max(errors)


def draw(at: World, method: Method, spoil: Callable[[Problem], object] = id) -> Tensor:
    """Samples of ``method``, as coefficients (N, 192); ``spoil`` may plant a mistake."""
    y = at.y.expand(SAMPLES, *at.y.shape[1:])
    problem = Problem(y, y, at.operator, at.prior, range(SAMPLES))
    generator = torch.Generator().manual_seed(1)
    problem.noise = lambda x: torch.randn(x.shape, generator=generator)  # one generator for all: faster
    spoil(problem)
    with torch.no_grad():
        image = method.restore(problem)
    return (2 * image.double() - 1).flatten(1) @ at.right


KEPT = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
"""a^2 of DDPM's levels: linear beta, T = 1000."""


def levels(steps: int) -> list[tuple[float, float]]:
    """(a, s) from the top down to the picture's (1, 0)."""
    known = [float(KEPT[round(999 * k / steps)]) for k in range(steps, 0, -1)]
    return [*((math.sqrt(p), math.sqrt(1 - p)) for p in known), (1.0, 0.0)]


Moments = tuple[Tensor, Tensor]


def propagate(start: Moments, steps: Iterator[tuple[Tensor, Tensor, Tensor]]) -> Moments:
    """Mean and variance through x <- gain x + shift + N(0, fresh)."""
    mean, variance = start
    for gain, shift, fresh in steps:
        mean, variance = gain * mean + shift, gain**2 * variance + fresh
    return mean, variance


def ddrm_moments(at: World, steps: int, eta: float, eta_b: float) -> Moments:
    """Kawar et al. 2022, Eq. 4 to 8, on the variance-exploding scale."""
    sigmas = [s / a for a, s in levels(steps)]
    one, rest = torch.ones_like(at.d), math.sqrt(1 - eta**2)

    def affine() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for high, low in pairwise(sigmas):
            k = at.w**2 / (at.w**2 + high**2)  # E[x_0 | x_t] = m + k (x_t - m)
            x0_gain, x0_shift = k * one, (1 - k) * at.m
            unseen, noisier = one * rest * low / high, rest * low / at.n
            gain = torch.where(at.d == 0, (1 - unseen) * x0_gain + unseen, (1 - noisier) * x0_gain)
            shift = torch.where(at.d == 0, (1 - unseen) * x0_shift, (1 - noisier) * x0_shift + noisier * at.ybar)
            seen = (at.d > 0) & (low >= at.n)
            gain = torch.where(seen, (1 - eta_b) * x0_gain, gain)
            shift = torch.where(seen, (1 - eta_b) * x0_shift + eta_b * at.ybar, shift)
            yield gain, shift, torch.where(seen, low**2 - (eta_b * at.n) ** 2, eta**2 * low**2)

    first = torch.where(at.d > 0, sigmas[0] ** 2 - at.n**2, sigmas[0] ** 2)
    return propagate((at.ybar, first), affine())


def ddnm_plus_moments(at: World, eta: float, path: list[tuple[float, float]]) -> Moments:
    """Wang et al. 2023, Eq. 17 to 19 in the DDIM form, on the variance-preserving scale, by way of ``path``."""
    one = torch.ones_like(at.d)

    def affine() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for (a, s), (a_low, s_low) in pairwise(path):
            if a_low < a:  # time travel, upwards
                yield a_low / a * one, 0 * one, (1 - (a_low / a) ** 2) * one
                continue
            k = a * at.w**2 / (a**2 * at.w**2 + s**2)
            x0_gain, x0_shift = k * one, (1 - a * k) * at.m
            eps_gain, eps_shift = (1 - a * x0_gain) / s, -a * x0_shift / s
            error = a_low * at.n  # what y's noise is in x_j
            partial = s_low * math.sqrt(1 - eta**2) / error
            weight = torch.where(at.d == 0, 0.0, torch.where(s_low >= error, 1.0, partial))
            kept = torch.where(at.d == 0, s_low * math.sqrt(1 - eta**2), 0.0)
            fresh = torch.where((at.d > 0) & (s_low >= error), s_low**2 - error**2, (eta * s_low) ** 2)
            gain = a_low * (1 - weight) * x0_gain + kept * eps_gain
            yield gain, a_low * ((1 - weight) * x0_shift + weight * at.ybar) + kept * eps_shift, fresh

    return propagate((0 * one, path[0][1] ** 2 * one), affine())


def pigdm_moments(at: World, steps: int, eta: float, score: bool) -> Moments:
    """Song et al. 2023, Algorithm 1 with adaptive weights, or Eq. 3, and r^2 = s^2 (variance-preserving)."""
    one = torch.ones_like(at.d)

    def affine() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for (a, s), (a_low, s_low) in pairwise(levels(steps)):
            k = a * at.w**2 / (a**2 * at.w**2 + s**2)
            x0_gain, x0_shift = k * one, (1 - a * k) * at.m
            factor = k * at.d / (s**2 * at.d**2 + (2 * NOISE) ** 2)
            g_gain, g_shift = -factor * at.d * x0_gain, factor * (at.uy - at.d * x0_shift)
            if score:  # Tweedie: x_0 = (x + s^2 score) / a
                x0_gain, x0_shift = x0_gain + s**2 / a * g_gain, x0_shift + s**2 / a * g_shift
            eps_gain, eps_shift = (1 - a * x0_gain) / s, -a * x0_shift / s
            c1 = eta * math.sqrt((1 - a**2 / a_low**2) * s_low**2 / s**2)
            c2 = math.sqrt(s_low**2 - c1**2)
            weight = 0.0 if score else a * a_low * s**2
            gain = a_low * x0_gain + c2 * eps_gain + weight * g_gain
            yield gain, a_low * x0_shift + c2 * eps_shift + weight * g_shift, c1**2 * one

    return propagate((0 * one, levels(steps)[0][1] ** 2 * one), affine())


def snips_moments(at: World, sigmas: list[float], repeats: int, c: float) -> Moments:
    """Kawar et al. 2021, Algorithm 1, at the noise levels ``sigmas`` from the top down."""
    one = torch.ones_like(at.d)

    def affine() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for sigma in (sigma for sigma in sigmas for _ in range(repeats)):
            known, unseen = (at.d > 0) & (sigma > at.n), at.d == 0
            precision = torch.where(unseen, 0.0, 1 / (sigma**2 - at.n**2).abs())  # of y given x
            size = torch.where(known, sigma**2 - at.n**2, sigma**2 * (1 - (sigma / at.n) ** 2)) * c
            score = torch.where(known, 0.0, 1 / (at.w**2 + sigma**2))
            yield 1 - size * (precision + score), size * (precision * at.ybar + score * at.m), 2 * size

    return propagate((0 * one, sigmas[0] ** 2 * one), affine())


def posterior(at: World) -> Moments:
    """p(x | y) of the linear-Gaussian model."""
    precision = 1 / at.w**2 + at.d**2 / (2 * NOISE) ** 2
    return (at.m / at.w**2 + at.d * at.uy / (2 * NOISE) ** 2) / precision, 1 / precision


STEPS = pytest.mark.parametrize("steps", [10, 100])
"""The moments hold for any number of steps; few of them forget less of what an early one did."""


@EVERY
@STEPS
@pytest.mark.parametrize(("eta", "eta_b"), [(0.85, 1.0), (0.6, 0.7)])
def test_ddrm_has_the_papers_moments(name: str, steps: int, eta: float, eta_b: float) -> None:
    at = world(name, 0.3)
    method = DDRM(steps=steps, eta=eta, eta_b=eta_b)
    assert discrepancy(draw(at, method), *ddrm_moments(at, steps, eta, eta_b), at.d) < TOLERANCE


@EVERY
@STEPS
def test_ddnm_plus_has_the_papers_moments(name: str, steps: int) -> None:
    at = world(name, 0.3)
    found = draw(at, DDNMPlus(steps=steps))
    assert discrepancy(found, *ddnm_plus_moments(at, 0.85, levels(steps)), at.d) < TOLERANCE


TRAVEL = DDNMPlus(steps=20, travel_length=2, travel_repeat=3)


def travelled() -> list[tuple[float, float]]:
    """The levels that ``TRAVEL`` visits: every stretch of two three times, but the one that ends at the picture."""
    down = levels(20)
    stretches = [down[k : k + 3] for k in range(0, 18, 2) for _ in range(3)]
    return [*(level for k, part in enumerate(stretches) for level in part[k % 3 == 0 and k > 0 :]), *down[19:]]


@EVERY
def test_ddnm_plus_travels_in_time(name: str) -> None:
    at = world(name, 0.5)
    assert discrepancy(draw(at, TRAVEL), *ddnm_plus_moments(at, 0.85, travelled()), at.d) < TOLERANCE


@EVERY
@pytest.mark.parametrize(("steps", "eta"), [(10, 1.0), (100, 1.0), (10, 0.5)])
@pytest.mark.parametrize("weight", ["adaptive", "score"])
def test_pigdm_has_the_papers_moments(name: str, steps: int, eta: float, weight: Literal["adaptive", "score"]) -> None:
    at = world(name, 0.3, 0.0)  # PiGDM solves with every singular value
    found = draw(at, PiGDM(steps=steps, eta=eta, weight=weight))
    assert discrepancy(found, *pigdm_moments(at, steps, eta, weight == "score"), at.d) < TOLERANCE


SCORE = PiGDM(weight="score", steps=400)


@EVERY
def test_pigdm_with_the_exact_score_samples_the_posterior(name: str) -> None:
    """For data of unit variance its guided score is exact; 400 steps leave up to 0.10 in the variance."""
    at = world(name, 0.5, 0.0)
    assert discrepancy(draw(at, SCORE), *posterior(at), at.d) < TOLERANCE


COARSE = SNIPS(steps=10, repeats=3, c=0.5)


def coarse_moments(at: World) -> Moments:
    """At sigmas in geometric progression, each the nearest of DDPM's (the quietest is kept for the picture)."""
    known = (1 / KEPT - 1).sqrt()
    ideal = [float(known[0] ** (k / 9) * known[-1] ** (1 - k / 9)) for k in range(10)]
    return snips_moments(at, [float(min(known[1:], key=lambda s: abs(s - x))) for x in ideal], 3, 0.5)


@EVERY
def test_snips_has_the_papers_moments(name: str) -> None:
    at = world(name, 0.3)
    assert discrepancy(draw(at, COARSE), *coarse_moments(at), at.d) < TOLERANCE


FINE = SNIPS(strength="nsr:1", steps=100, repeats=5, c=0.15)


@EVERY
def test_snips_samples_the_posterior(name: str) -> None:
    """The steps' size and number leave 0.07 in the variance of what is not measured, and 0.08 in the mean of what is."""
    at = world(name, 0.1)
    assert discrepancy(draw(at, FINE), *posterior(at), at.d) < TOLERANCE


def doubled_sigma(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    assert problem.operator is not None
    problem.operator = problem.operator.model_copy(update={"noise": 2 * NOISE})


def adjoint_for_pseudo_inverse(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Spectrum, "solved", lambda self, y: self.singular.to(y) * self.measured(y))


def adjoint_for_solve(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(type(problem.operator), "solve", lambda self, v, gain, variance: self.adjoint(v) / (gain + variance))


def no_factor_a(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    predict = problem.estimate.prior
    patch.setattr(problem.estimate, "prior", lambda x, level: predict(x / level.alpha, level))


def x0_times_a(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    predict = problem.estimate.prior

    def wrong(x: Tensor, level: Level) -> Estimate:
        eps, x0 = predict(x, level)
        return Estimate(eps, level.alpha * x0)

    patch.setattr(problem.estimate, "prior", wrong)


def quiet_noise(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    draw_noise = problem.noise
    problem.noise = lambda x: draw_noise(x) / math.sqrt(2)


def no_prior_score(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(problem.estimate, "prior", lambda x, level: Estimate(torch.zeros_like(x), x / level.alpha))


def no_chain_rule(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    predict = problem.estimate.prior

    def straight(x: Tensor, level: Level) -> Estimate:
        eps, x0 = predict(x, level)
        return Estimate(eps, x0.detach() + x - x.detach())

    patch.setattr(problem.estimate, "prior", straight)


def deviation_for_variance(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pigdm, "spread", lambda level: level.sigma)


def wide_spread(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pigdm, "spread", lambda level: level.ratio**2)


def travel_without_noise(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    def climb(latent: Latent, higher: Level, noise: Noise) -> Latent:
        return latent.moved(higher.alpha / latent.level.alpha * latent.x, higher)

    patch.setattr(loop, "climb", climb)


def travel_without_shrinking(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    right = loop.climb

    def climb(latent: Latent, higher: Level, noise: Noise) -> Latent:
        unshrunk = latent.x * (latent.level.alpha / higher.alpha)
        return right(latent.corrected(unshrunk), higher, noise)

    patch.setattr(loop, "climb", climb)


def settings(problem: Problem, patch: pytest.MonkeyPatch) -> None:
    """The settings are the mistake."""


CHECKS: dict[str, tuple[str, float, float, Callable[[World], Moments]]] = {
    "ddrm": ("blur", 0.3, CUTOFF, lambda at: ddrm_moments(at, 10, 0.85, 1.0)),
    "ddnm-plus": ("blur", 0.3, CUTOFF, lambda at: ddnm_plus_moments(at, 0.85, levels(10))),
    "time-travel": ("downsample", 0.5, CUTOFF, lambda at: ddnm_plus_moments(at, 0.85, travelled())),
    "pigdm-adaptive": ("blur", 0.3, 0.0, lambda at: pigdm_moments(at, 10, 1.0, score=False)),
    "pigdm-score": ("blur", 0.3, 0.0, lambda at: pigdm_moments(at, 10, 1.0, score=True)),
    "pigdm-posterior": ("downsample", 0.5, 0.0, posterior),
    "snips": ("blur", 0.3, CUTOFF, coarse_moments),
    "snips-posterior": ("downsample", 0.1, CUTOFF, posterior),
}
"""The checks whose power is shown: operator, standard deviation and cutoff of the world, and the moments there."""
ADAPTIVE, SCORED = PiGDM(steps=10), PiGDM(steps=10, weight="score")
PLANTS: list[tuple[str, Method, Callable[[Problem, pytest.MonkeyPatch], None]]] = [
    ("ddrm", DDRM(steps=10), doubled_sigma),
    ("ddrm", DDRM(steps=10), adjoint_for_pseudo_inverse),
    ("ddrm", DDRM(steps=10), no_factor_a),
    ("ddrm", DDRM(steps=10), quiet_noise),
    ("ddrm", DDRM(steps=10, eta=0.6), settings),
    ("ddrm", DDRM(steps=10, eta_b=0.7), settings),
    ("ddnm-plus", DDNMPlus(steps=10), doubled_sigma),
    ("ddnm-plus", DDNMPlus(steps=10), adjoint_for_pseudo_inverse),
    ("ddnm-plus", DDNMPlus(steps=10), x0_times_a),
    ("ddnm-plus", DDNMPlus(steps=10), quiet_noise),
    ("ddnm-plus", DDNMPlus(steps=10, eta=0.6), settings),
    ("ddnm-plus", DDNM(steps=10), settings),  # no scaling for the noise
    ("time-travel", TRAVEL, travel_without_noise),
    ("time-travel", TRAVEL, travel_without_shrinking),
    ("pigdm-adaptive", ADAPTIVE, doubled_sigma),
    ("pigdm-adaptive", ADAPTIVE, adjoint_for_solve),
    ("pigdm-adaptive", ADAPTIVE, no_chain_rule),
    ("pigdm-adaptive", ADAPTIVE, deviation_for_variance),
    ("pigdm-adaptive", ADAPTIVE, quiet_noise),
    ("pigdm-adaptive", SCORED, settings),
    ("pigdm-score", SCORED, doubled_sigma),
    ("pigdm-score", SCORED, adjoint_for_solve),
    ("pigdm-score", SCORED, no_chain_rule),
    ("pigdm-score", SCORED, deviation_for_variance),
    ("pigdm-score", SCORED, wide_spread),
    ("pigdm-score", SCORED, quiet_noise),
    ("pigdm-score", ADAPTIVE, settings),
    ("pigdm-posterior", SCORE, doubled_sigma),
    ("pigdm-posterior", SCORE, adjoint_for_solve),
    ("pigdm-posterior", PiGDM(), settings),  # the adaptive weight is not a score
    ("snips", COARSE, doubled_sigma),
    ("snips", COARSE, adjoint_for_pseudo_inverse),
    ("snips", COARSE, no_factor_a),
    ("snips", COARSE, quiet_noise),
    ("snips", COARSE, no_prior_score),
    ("snips", SNIPS(steps=10, repeats=3, c=0.4), settings),
    ("snips-posterior", FINE, doubled_sigma),
    ("snips-posterior", FINE, adjoint_for_pseudo_inverse),
    ("snips-posterior", FINE, quiet_noise),
    ("snips-posterior", FINE, no_prior_score),
]


@pytest.mark.parametrize(
    ("check", "method", "spoil"), PLANTS, ids=[f"{check}-{m.name}-{spoil.__name__}" for check, m, spoil in PLANTS]
)
def test_methods_moments_show_a_planted_mistake(
    check: str, method: Method, spoil: Callable[[Problem, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, std, cutoff, moments = CHECKS[check]
    at = world(name, std, cutoff)
    found = draw(at, method, lambda problem: spoil(problem, monkeypatch))
    error = discrepancy(found, *moments(at), at.d)
    print(f"{check} {spoil.__name__}: {error:.3f}")
    assert error > 2 * TOLERANCE


Family = Literal["ddpm", "ve", "flow"]
EXACT = 1e-4
"""The largest |A x - y| of a result that agrees with a measurement without noise."""


def misfit(name: str, family: Family, method: Method) -> float:
    """The largest |A x - y| of ``method``'s result x for a measurement without noise."""
    operator = OPERATORS[name].model_copy(update={"noise": 0.0})
    images = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    y = operator.degrade(images)
    problem = Problem(y, y, operator, Mixture.around(images.flip(0)[:2], 0.1, family), range(4))
    with torch.no_grad():
        return float((operator.degrade(method.restore(problem)) - y).abs().max())


@EVERY
@pytest.mark.parametrize("family", ["ddpm", "ve", "flow"])
@pytest.mark.parametrize("method", [DDNM, DDNMPlus, DDRM])
def test_methods_without_noise_agree_with_the_measurement(
    name: str, family: Family, method: type[DDNM] | type[DDNMPlus] | type[DDRM]
) -> None:
    assert misfit(name, family, method(steps=20, cutoff=1e-4)) < EXACT


@pytest.mark.parametrize("method", [DDNM, DDNMPlus, DDRM])
def test_methods_with_a_scaled_pseudo_inverse_do_not_agree_with_the_measurement(
    method: type[DDNM] | type[DDNMPlus] | type[DDRM], monkeypatch: pytest.MonkeyPatch
) -> None:
    solved = Spectrum.solved
    monkeypatch.setattr(Spectrum, "solved", lambda self, y: 0.99 * solved(self, y))
    error = misfit("downsample", "ddpm", method(steps=20, cutoff=1e-4))
    assert error > 10 * EXACT


@pytest.mark.parametrize(
    ("method", "nfe"),
    [
        (DDRM(steps=7), 7),
        (DDNM(steps=7), 7),
        (DDNMPlus(steps=7), 7),
        (DDNMPlus(steps=8, travel_length=2, travel_repeat=3), 8 + 3 * 2 * 2),
        (PiGDM(steps=7), 7),
        (PiGDM(steps=7, weight="score", strength="nsr:1"), 7),
        (SNIPS(steps=7, repeats=2), 14),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_methods_evaluate_the_prior_once_a_step(method: Method, nfe: int) -> None:
    at = world("downsample", 0.1)
    problem = Problem(at.y, at.y, at.operator, at.prior, [0])
    image = method(problem)
    assert image.shape == (1, 3, SIDE, SIDE)
    assert image.min() >= 0 and image.max() <= 1
    assert problem.estimate.nfe == nfe
