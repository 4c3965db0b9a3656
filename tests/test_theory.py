"""The paper's statements about the method, checked where they can be computed.

Every check runs on the component itself and again on a deliberately broken one, on which it has to fail.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import PrivateAttr
from torch import Tensor

from dreamclean import (
    DDIM,
    VPS,
    Blur,
    Colorize,
    DDIMInversion,
    DDPMSchedule,
    Denoise,
    Downsample,
    Estimate,
    Evaluator,
    GradientAscent,
    Identity,
    Inpaint,
    Langevin,
    Latent,
    Level,
    LinearOperator,
    Mixture,
    Model,
    NoCorrector,
    PixelCodec,
    Prior,
    Projection,
    Restorer,
    Schedule,
    Uniform,
)
from dreamclean.builtin.priors.diffusers import UNetPrior
from dreamclean.builtin.samplers.ddim import ddim_step
from dreamclean.contracts.levels import ascending, descending
from dreamclean.host.host import Host
from dreamclean.method.loop import resample
from dreamclean.testing import loaded

FAMILIES = ("ddpm", "ve", "flow")
STRENGTH = "nsr:1.24"  # that of t = 300 under linear beta


def seeded(seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Standard normal noise shaped as its argument."""
    generator = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype)


def images(count: int, size: int = 16, seed: int = 0) -> Tensor:
    """Smooth random images (count, 3, size, size) in [0, 1], float64."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)


PIXELS = PixelCodec()


def ignore(_: object) -> None:
    """A listener that does not listen."""


# ------------------------------------------------------------------- the mixture's score is the true one


def check_score(kind: type[Mixture], family: str) -> None:
    """eps = -s d/dx log p(x), by automatic differentiation of the density written out."""
    prior = kind.around(images(3, 6), std=0.1, family=family)
    level = prior.schedule.at(prior.schedule.resolve(STRENGTH))
    x = (level.alpha * prior.means[:2] + level.sigma * seeded()(prior.means[:2])).requires_grad_()
    variance = (level.alpha * 0.2) ** 2 + level.sigma**2
    distance = (x[:, None] - level.alpha * prior.means).square().flatten(2).sum(-1)
    (score,) = torch.autograd.grad(torch.logsumexp(-distance / (2 * variance), 1).sum(), x)
    eps = prior.predict(x.detach(), level)
    assert (eps + level.sigma * score).abs().max() < 1e-10


class NearestImage(Mixture):
    """Broken: forgets that there are several images."""

    def predict(self, x: Tensor, level: Level) -> Tensor:
        return Estimate.from_x0(x, level, self.means[:1].to(x).expand_as(x)).eps


@pytest.mark.parametrize("family", FAMILIES)
def test_mixture_score(family: str) -> None:
    check_score(Mixture, family)


@pytest.mark.parametrize("family", FAMILIES)
def test_mixture_at_the_picture_itself(family: str) -> None:
    """Where there is no noise x0 is x, as for a network; eps is that of a picture with the quietest level's sigma."""
    prior = Mixture.around(images(3, 6), std=0.1, family=family)
    x = PIXELS.encode(images(1, 6, seed=1))
    eps, x0 = Evaluator(loaded(prior)).prior(x, prior.schedule.clean)
    assert torch.equal(x0, x)
    quietest = prior.schedule.at(prior.schedule.lowest)
    assert torch.equal(eps, prior.predict(x, Level(quietest.t, 1.0, quietest.sigma)))


def test_mixture_score_check_can_fail() -> None:
    with pytest.raises(AssertionError):
        check_score(NearestImage, "ddpm")


# ------------------------------------------------- (a) inversion and sampling undo each other (A1, A3)


def restore(x: Tensor, levels: Sequence[Level], denoise: Denoise, *parts: Any) -> Tensor:
    """The end of the loop: initializer, corrector, sampler and noise are ``parts``."""
    *_, last = resample(x, levels, levels[-2::-1], denoise, *parts)
    return last.x


class ConstantNoise(Mixture):
    """A model that sees the same noise everywhere. It notes where it is asked."""

    _asked: list[float] = PrivateAttr(default_factory=list)

    def predict(self, x: Tensor, level: Level) -> Tensor:
        self._asked.append(level.t)
        return seeded(1)(x)


def check_round_trip(initializer: DDIMInversion, sampler: DDIM, family: str) -> None:
    """With a constant eps, up and down again is the identity; each step asks at the level where it starts."""
    prior = ConstantNoise(family=family)
    levels = prior.schedule.ladder(STRENGTH, 10, Uniform())
    x, denoise = PIXELS.encode(images(2)), Evaluator(loaded(prior)).denoise
    back = restore(x, levels, denoise, initializer, NoCorrector(), sampler, seeded())
    assert (back - x).abs().max() < 1e-6
    times = [level.t for level in levels]
    assert prior._asked == [*times[:-1], *times[:0:-1]]


class AskingAtTheTarget(DDIMInversion):
    """Broken: the network is asked at the level where the step ends."""

    def __call__(self, start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Any) -> Latent:
        for level, higher in ascending(levels):
            eps = denoise.prior(start, higher).eps
            start = ddim_step(Estimate.from_eps(start, level, eps), higher)
        return Latent(start, levels[-1])


class OtherEnd(DDIMInversion):
    """Broken: takes the picture for a latent at t = 0, while sampling ends at the picture."""

    def __call__(self, start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Any) -> Latent:
        return super().__call__(start, [DDPMSchedule.linear().at(0), *levels[1:]], denoise, noise)


class AskingBelow(DDIM):
    """Broken: the estimate is that of the next lower level."""

    def __call__(self, latent: Latent, lower: Level, denoise: Denoise, noise: Any) -> Latent:
        return latent.moved(ddim_step(denoise(latent.x, lower), lower), lower)


@pytest.mark.parametrize("family", FAMILIES)
def test_ddim_inversion_and_sampling_undo_each_other(family: str) -> None:
    check_round_trip(DDIMInversion(), DDIM(), family)


@pytest.mark.parametrize("initializer, sampler", [
    (AskingAtTheTarget(), DDIM()), (OtherEnd(), DDIM()), (DDIMInversion(), AskingBelow()),
])  # fmt: skip
def test_ddim_round_trip_check_can_fail(initializer: DDIMInversion, sampler: DDIM) -> None:
    with pytest.raises(AssertionError):
        check_round_trip(initializer, sampler, "ddpm")


class Guided(ConstantNoise):
    """Guided, but not on the way up. It notes where it is asked without guidance."""

    _unguided: list[float] = PrivateAttr(default_factory=list)

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        return replace(super().load(device, dtype), invert=self.invert)

    def invert(self, x: Tensor, level: Level) -> Tensor:
        self._unguided.append(level.t)
        return self.predict(x, level)


@pytest.mark.parametrize(("operator", "up", "nfe"), [(None, 30, 90), ("identity", 0, 60)], ids=["blind", "known"])
def test_ddim_inversion_alone_is_without_guidance(operator: str | None, up: int, nfe: int) -> None:
    prior = Guided()
    result = Restorer(prior, operator=operator, preset="paper", plugins=Host([]))(images(1))
    assert result.nfe == len(prior._asked) == nfe
    assert prior._unguided == prior._asked[:up]


def test_restorer_returns_the_input_of_a_constant_noise_model() -> None:
    image = images(1)
    result = Restorer(ConstantNoise(), corrector="none", preset="paper", plugins=Host([]))(image)
    assert (result.image - image).abs().max() < 1e-6


# --------------------------------------- (b) VPS leaves the noise where it is (Eq. 8, 9; section 3.6)


def check_stationary(corrector: Any) -> None:
    """Of x = a m + s eps, eps ~ N(0, I), the mean and the variance are kept, to four standard errors."""
    prior = Mixture.around(images(1, 128))
    level = prior.schedule.at(300)
    noise = seeded(2)
    signal = level.alpha * prior.means
    latent = Latent(signal + level.sigma * noise(signal), level)
    moved = (corrector(latent, Evaluator(loaded(prior)).denoise, noise).x - signal) / level.sigma
    assert abs(moved.mean()) < 4 / math.sqrt(moved.numel())
    assert abs(moved.var() - 1) < 4 * math.sqrt(2 / moved.numel())


class VPSWithLangevinNoise(VPS):
    """Broken: sqrt(2 g) for sqrt(g (2 - g))."""

    def noise_scale(self) -> float:
        return math.sqrt(2 * self.gamma)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("gamma", [0.05, 0.3, 1.0])
def test_vps_keeps_the_noise(gamma: float, fused: bool) -> None:
    check_stationary(VPS(gamma=gamma, repeats=3, fused=fused))


@pytest.mark.parametrize("kind", [Langevin, GradientAscent, VPSWithLangevinNoise])
def test_correctors_other_than_vps_do_not_keep_the_noise(kind: type[Any]) -> None:
    with pytest.raises(AssertionError):
        check_stationary(kind(gamma=0.3, repeats=3))


@pytest.mark.parametrize("gamma", [0.01, 0.05, 0.5, 1.0])
def test_corrector_noise_variance_after_a_step(gamma: float) -> None:
    """(1 - g)^2 + c^2: 1 for VPS, 1 + g^2 for Langevin, (1 - g)^2 for gradient ascent."""
    kept = (1 - gamma) ** 2
    for kind, expected in ((VPS, 1.0), (Langevin, 1 + gamma**2), (GradientAscent, kept)):
        assert kept + kind(gamma=gamma).noise_scale() ** 2 == pytest.approx(expected, abs=1e-12)


# ---------------------------------- (c) VPS leads into the High Probability Set (Definition 2.1, Fig. 5)


def typicality(prior: Mixture, x: Tensor, level: Level) -> float:
    """| -1/N log q(x_t | x_0) - H | with x_0 the image whose q gives x_t the greatest probability.

    q is N(a x_0, s^2 I), so that -1/N log q = log(2 pi s^2)/2 + |x_t - a x_0|^2 / (2 N s^2), and its entropy
    per dimension is H = log(2 pi e s^2)/2.
    """
    nearest = (x - level.alpha * prior.means).square().flatten(1).mean(1).min()
    surprise = 0.5 * math.log(2 * math.pi * level.sigma**2) + float(nearest) / (2 * level.sigma**2)
    return abs(surprise - 0.5 * math.log(2 * math.pi * math.e * level.sigma**2))


def degraded(clean: Tensor) -> Tensor:
    """A noisy, clipped copy."""
    return (clean + 0.1 * seeded(3)(clean)).clamp(0, 1)


def check_typical(corrector: Any) -> None:
    """The inverted latent of a degraded image lies outside the set, and inside after correction.

    Over N dimensions |eps|^2 / N has the standard deviation sqrt(2 / N); the set is four of them wide.
    """
    prior = Mixture.around(images(5))
    levels = prior.schedule.ladder(300, 30, Uniform())
    denoise = Evaluator(loaded(prior)).denoise
    latent = DDIMInversion()(PIXELS.encode(degraded(images(5)[1:2])), levels, denoise, seeded())
    width = 4 * 0.5 * math.sqrt(2 / latent.x.numel())
    assert typicality(prior, latent.x, levels[-1]) > 10 * width
    assert typicality(prior, corrector(latent, denoise, seeded(4)).x, levels[-1]) < width


@pytest.mark.parametrize("fused", [False, True])
def test_vps_leads_into_the_high_probability_set(fused: bool) -> None:
    check_typical(VPS(gamma=0.05, repeats=300, fused=fused))
    check_typical(VPS(gamma=0.5, repeats=30, fused=fused))


@pytest.mark.parametrize("corrector", [
    NoCorrector(), Langevin(gamma=0.5, repeats=30), VPSWithLangevinNoise(gamma=0.5, repeats=30),
    GradientAscent(gamma=0.05, repeats=300),
])  # fmt: skip
def test_correctors_other_than_vps_do_not_lead_there(corrector: Any) -> None:
    with pytest.raises(AssertionError):
        check_typical(corrector)


def check_restoration(std: float, family: str, **components: Any) -> None:
    """The restored image is much closer to the clean one than the input, and to no other image."""
    clean = images(5)
    prior = Mixture.around(clean, std=std, family=family)
    restorer = Restorer(prior, preset="paper", strength=STRENGTH, plugins=Host([]), **components)
    image = degraded(clean[1:2])
    restored = restorer(image).image
    distances = (restored - clean).square().flatten(1).mean(1)
    assert distances.argmin() == 1
    assert distances[1] < 0.3 * (image - clean[1]).square().mean()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("std", [0.02, 0.03, 0.05])
def test_restorer_brings_an_image_closer_to_the_clean_one(std: float, family: str) -> None:
    check_restoration(std, family, corrector="vps:gamma=0.05,repeats=10")


@pytest.mark.parametrize("family", FAMILIES)
def test_restorer_without_corrector_keeps_the_degradation(family: str) -> None:
    """Inversion and sampling alone go back to where they came from (Table 5, first row)."""
    with pytest.raises(AssertionError):
        check_restoration(0.03, family, corrector="none")


# ----------------------- (d) the noise-aware projection is E[x0 | x_t, y] for a Gaussian (section 3.5, A.6)

OPERATORS: dict[str, LinearOperator] = {
    "identity": Identity(noise=0.05),
    "average": Downsample(noise=0.05),
    "bicubic": Downsample(factor=2, method="bicubic", noise=0.02),
    "uniform": Blur(size=5, noise=0.05),
    "motion": Blur(shape="motion", length=5, angle=30, boundary="zero", noise=0.05),
    "inpaint": Inpaint(share=0.6, noise=0.1),
    "colorize": Colorize(noise=0.05),
}


def check_posterior_mean(operator: LinearOperator) -> None:
    """Prior N(m, w^2 I): x0 | x_t is N(x0_hat, r^2 I), r^2 = w^2 s^2 / (a^2 w^2 + s^2), all on the [0, 1] scale.

    E[x0 | x_t, y] is here written in the precision form, not in the one that the operators use.
    """
    size, width = 8, 0.2
    prior = Mixture.around(images(1, size), std=width)
    level = prior.schedule.at(200)
    clean = images(1, size) + width * seeded(5)(images(1, size))
    x = level.alpha * PIXELS.encode(clean) + level.sigma * seeded(6)(clean)
    y = operator.measure(clean, torch.Generator().manual_seed(7))
    x0 = PIXELS.decode(Evaluator(loaded(prior)).prior(x, level).x0)
    s = level.sigma * PIXELS.pixel_scale
    r = width * s / math.hypot(level.alpha * width, s)

    basis = torch.eye(clean.numel(), dtype=torch.float64).view(-1, *clean.shape[1:])
    a = operator.degrade(basis).flatten(1).T
    precision = torch.eye(len(basis), dtype=torch.float64) / r**2 + a.T @ a / operator.noise**2
    shift = a.T @ (y - operator.degrade(x0)).flatten() / operator.noise**2
    expected = x0.flatten() + torch.linalg.solve(precision, shift)
    assert (operator.project(x0, y, r).flatten() - expected).abs().max() < 1e-5


class ForgetsTheNoise(Downsample):
    """Broken: projects as if the measurement were exact."""

    def noise_variance(self, y: Tensor) -> float:
        return 0.0


class ModelScale(Downsample):
    """Broken: takes the standard deviation to be on the [-1, 1] scale."""

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        return super().project(x0, y, 2 * std)


@pytest.mark.parametrize("name", OPERATORS)
def test_projection_is_the_posterior_mean(name: str) -> None:
    check_posterior_mean(OPERATORS[name])


@pytest.mark.parametrize("kind", [ForgetsTheNoise, ModelScale])
def test_projection_posterior_mean_check_can_fail(kind: type[Downsample]) -> None:
    with pytest.raises(AssertionError):
        check_posterior_mean(kind(noise=0.05))


def test_projection_keeps_x0_and_eps_consistent() -> None:
    """After the projection at r = s/a, eps belongs to the new x0, and that of an exact y agrees with y."""
    prior, operator = Mixture.around(images(3), std=0.1), Downsample()
    level = prior.schedule.at(200)
    clean = images(3)[:1]
    x = level.alpha * PIXELS.encode(clean) + level.sigma * seeded()(prior.means[:1])
    y = operator.degrade(clean)
    eps, x0 = Evaluator(loaded(prior), Projection(), operator, y).denoise(x, level)
    assert (level.alpha * x0 + level.sigma * eps - x).abs().max() < 1e-10
    assert (operator.degrade(PIXELS.decode(x0)) - y).abs().max() < 1e-10


# ------------------------------------------------------------------------ (e) evaluations (section 4.1)


class CountingMixture(Mixture):
    """Counts for itself how often it is asked."""

    _calls: list[Level] = PrivateAttr(default_factory=list)

    def predict(self, x: Tensor, level: Level) -> Tensor:
        self._calls.append(level)
        return super().predict(x, level)


class TinyUNet(UNetPrior):
    """A random network of the kind that real priors are; counts for itself how often it is asked."""

    name = "tiny"
    _calls: list[Level] = PrivateAttr(default_factory=list)

    def parts(self) -> tuple[Any, Any]:
        from diffusers import DDPMScheduler, UNet2DModel

        blocks = dict(down_block_types=["DownBlock2D"] * 2, up_block_types=["UpBlock2D"] * 2, layers_per_block=1)
        return UNet2DModel(block_out_channels=(8, 8), norm_num_groups=4, **blocks), DDPMScheduler()

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        model = super().load(device, dtype)

        def predict(x: Tensor, level: Level) -> Tensor:
            self._calls.append(level)
            return model.predict(x, level)

        return replace(model, predict=predict)


PRIORS: dict[str, tuple[Callable[[], Prior], float | str]] = {
    "mixture-ddpm": (lambda: CountingMixture.around(images(2)), 300),
    "mixture-ve": (lambda: CountingMixture.around(images(2), family="ve"), STRENGTH),
    "mixture-flow": (lambda: CountingMixture.around(images(2), family="flow"), STRENGTH),
    "unet": (TinyUNet, 300),
}


def check_evaluations(prior: Prior, strength: float | str, expected: int, **components: Any) -> None:
    """The kernel's count, per image and whatever the batch, is the number of calls."""
    image = images(2)
    if components.get("operator"):
        image = Downsample().degrade(image)
    restorer = Restorer(prior, preset="paper", strength=strength, plugins=Host([]), **components)
    assert restorer(image.float()).nfe == expected
    assert len(prior._calls) == expected  # type: ignore[attr-defined]


CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "blind": (90, {}),
    "known operator": (60, {"operator": "downsample:factor=4,noise=0.05"}),
    "blind, fused": (60, {"corrector": "vps:fused=true"}),
    "known operator, fused": (30, {"operator": "downsample:factor=4,noise=0.05", "corrector": "vps:fused=true"}),
    "no corrector": (60, {"corrector": "none"}),
    "M = 2": (120, {"corrector": "vps:repeats=2"}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", PRIORS)
def test_nfe_is_that_of_the_paper(name: str, case: str) -> None:
    make, strength = PRIORS[name]
    expected, components = CASES[case]
    check_evaluations(make(), strength, expected, **components)


class AskingTwice(DDIM):
    """Broken: evaluates a second time for nothing."""

    def __call__(self, latent: Latent, lower: Level, denoise: Denoise, noise: Any) -> Latent:
        denoise(latent.x, latent.level)
        return super().__call__(latent, lower, denoise, noise)


def test_nfe_check_can_fail() -> None:
    with pytest.raises(AssertionError):
        check_evaluations(CountingMixture.around(images(2)), 300, 90, sampler=AskingTwice())


# --------------------------------------------------------------------------------- (f) DDIM's own theory


def check_ancestral(sampler: DDIM) -> None:
    """q(x_j | x_i, x0) of Ho et al. 2020, Eq. 6 and 7, with alpha = abar_i / abar_j for a step over many t."""
    prior = Mixture.around(images(1, 128))
    level, lower = prior.schedule.at(300), prior.schedule.at(270)
    x0 = prior.means
    x = level.alpha * x0 + level.sigma * seeded(1)(x0)
    abar_i, abar_j = level.alpha**2, lower.alpha**2
    alpha = abar_i / abar_j
    beta = 1 - alpha
    mean = (math.sqrt(abar_j) * beta * x0 + math.sqrt(alpha) * (1 - abar_j) * x) / (1 - abar_i)
    variance = (1 - abar_j) / (1 - abar_i) * beta
    latent, denoise = Latent(x, level), Evaluator(loaded(prior)).denoise
    silent = sampler(latent, lower, denoise, torch.zeros_like).x
    assert (silent - mean).abs().max() < 1e-10
    drawn = sampler(latent, lower, denoise, seeded(2)).x - silent
    assert abs(drawn.var() / variance - 1) < 4 * math.sqrt(2 / drawn.numel())


class FullNoise(DDIM):
    """Broken: draws the step's whole beta anew."""

    def __call__(self, latent: Latent, lower: Level, denoise: Denoise, noise: Any) -> Latent:
        beta = 1 - (latent.level.alpha / lower.alpha) ** 2
        still = super().__call__(latent, lower, denoise, torch.zeros_like)
        return still.corrected(still.x + math.sqrt(beta) * noise(latent.x))


def test_ddim_with_eta_one_is_ancestral_sampling() -> None:
    check_ancestral(DDIM(eta=1))


@pytest.mark.parametrize("sampler", [DDIM(eta=0), DDIM(eta=0.8), FullNoise(eta=1)])
def test_ddim_ancestral_check_can_fail(sampler: DDIM) -> None:
    with pytest.raises(AssertionError):
        check_ancestral(sampler)


def steps_down(sampler: DDIM, seed: int) -> Tensor:
    prior = Mixture.around(images(3), std=0.1)
    levels, noise = prior.schedule.ladder(300, 10, Uniform()), seeded(seed)
    latent = Latent(prior.means, levels[-1])
    for lower in levels[-2::-1]:
        latent = sampler(latent, lower, Evaluator(loaded(prior)).denoise, noise)
    return latent.x


def test_ddim_is_deterministic_only_with_eta_zero() -> None:
    assert torch.equal(steps_down(DDIM(), 1), steps_down(DDIM(), 2))
    assert not torch.equal(steps_down(DDIM(eta=1), 1), steps_down(DDIM(eta=1), 2))


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_sampling_gives_the_prior(eta: float) -> None:
    """From x_T ~ N(0, I), many steps down a Gaussian prior end in its mean and standard deviation."""
    prior = Mixture.around(images(1, 64), std=0.25)
    noise = seeded(8)
    levels = prior.schedule.ladder(999, 200, Uniform())
    latent = Latent(levels[-1].alpha * prior.means + levels[-1].sigma * noise(prior.means), levels[-1])
    for lower in levels[-2::-1]:
        latent = DDIM(eta=eta)(latent, lower, Evaluator(loaded(prior)).denoise, noise)
    offset = latent.x - prior.means
    assert abs(offset.mean()) < 4 * 0.5 / math.sqrt(offset.numel())
    assert offset.std() == pytest.approx(0.5, rel=0.05)


def errors(initializer: DDIMInversion, family: str) -> list[float]:
    """What inversion and sampling lose of an image from a smooth mixture, with 10, 40 and 160 steps."""
    prior = Mixture.around(images(1), std=0.15, family=family)
    x = PIXELS.encode(images(1) + 0.15 * seeded(9)(images(1)))
    lost = []
    for steps in (10, 40, 160):
        levels = prior.schedule.ladder(STRENGTH, steps, Uniform())
        back = restore(x, levels, Evaluator(loaded(prior)).denoise, initializer, NoCorrector(), DDIM(), seeded())
        lost.append(float((back - x).square().mean().sqrt()))
    return lost


def check_convergence(initializer: DDIMInversion, family: str) -> None:
    lost = errors(initializer, family)
    assert lost[0] > 2 * lost[1] > 4 * lost[2]
    assert lost[2] < 0.02


@pytest.mark.parametrize("family", FAMILIES)
def test_ddim_inversion_error_falls_with_the_steps(family: str) -> None:
    check_convergence(DDIMInversion(), family)


class OneLevelOff(DDIMInversion):
    """Broken: every step's arithmetic is that of the next step."""

    def __call__(self, start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Any) -> Latent:
        for _, higher in ascending(levels):
            start = ddim_step(denoise.prior(start, higher), higher)
        return Latent(start, levels[-1])


def test_ddim_inversion_convergence_check_can_fail() -> None:
    with pytest.raises(AssertionError):
        check_convergence(OneLevelOff(), "ddpm")


# -------------------------------------------------------------------- the ladder that all of it stands on


@pytest.mark.parametrize("family", FAMILIES)
def test_ladder_is_the_same_in_both_directions(family: str) -> None:
    schedule: Schedule = Mixture(family=family).schedule
    levels = schedule.ladder(STRENGTH, 30, Uniform())
    down = list(descending(levels))
    assert [(j, i) for i, j in reversed(down)] == list(ascending(levels))
    assert levels[0] == schedule.clean == (schedule.lowest, 1.0, 0.0)


@pytest.mark.parametrize("kind", [VPS, Langevin, GradientAscent])
def test_corrector_sees_the_estimate_after_the_projection_or_before(kind: Any) -> None:
    prior = Mixture.around(images(3), std=0.1)
    level = prior.schedule.at(200)
    x = level.alpha * prior.means[:1] + level.sigma * seeded()(prior.means[:1])
    denoise = Evaluator(loaded(prior), Projection(), Identity(noise=0.01), images(1)).denoise
    seen = {True: denoise(x, level).eps, False: denoise.prior(x, level).eps}
    assert not torch.allclose(seen[True], seen[False], atol=1e-2)
    made = {
        projected: kind(gamma=0.3, projected=projected)(Latent(x, level), denoise, torch.zeros_like).x
        for projected in seen
    }
    assert torch.allclose(made[True] - made[False], -0.3 * level.sigma * (seen[True] - seen[False]), atol=1e-6)
