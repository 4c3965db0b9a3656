"""DPM-Solver++ (2M): second order, exact where it must be."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from dreamclean import DDIM, DDPMSchedule, DPMSolver, Estimate, Evaluator, Latent, Level, Mixture, Sampler, VESchedule
from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.latent import Past
from dreamclean.contracts.prior import Prior
from dreamclean.testing import loaded

STD = 0.1


def flow_error(prior: Prior, sampler: Sampler, levels: list[Level]) -> float:
    """Distance from the exact solution of the probability-flow ODE around one Gaussian N(m, w^2).

    There x_t - a m grows as sqrt(a^2 w^2 + s^2).
    """
    mean = prior.means[:1]  # type: ignore[attr-defined]
    width = [(level.alpha**2 * (2 * STD) ** 2 + level.sigma**2) ** 0.5 for level in levels]
    offset = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0), dtype=mean.dtype)
    latent = Latent(levels[-1].alpha * mean + width[-1] * offset, levels[-1])
    for lower in levels[-2::-1]:
        latent = sampler(latent, lower, Evaluator(loaded(prior)).denoise, torch.randn_like)
    exact = levels[0].alpha * mean + width[0] * offset
    return float((latent.x - exact).norm() / exact.norm())


def ladder(prior: Prior, steps: int) -> list[Level]:
    """Levels from s/a = 0.05 to 3, evenly in log(a/s), as the solver likes them."""
    growth = (3 / 0.05) ** (1 / steps)
    return [Level(0.05 * growth**k, 1.0, 0.05 * growth**k) for k in range(steps + 1)]


@pytest.mark.parametrize(("sampler", "order"), [(DDIM(), 1), (DPMSolver(), 2)])
def test_dpm_solver_error_falls_with_its_order(sampler: Sampler, order: int) -> None:
    """Halving the steps halves DDIM's error and quarters the solver's."""
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    prior = Mixture.around(picture, STD, "ve")
    errors = [flow_error(prior, sampler, ladder(prior, steps)) for steps in (20, 40, 80)]
    for coarse, fine in pairwise(errors):
        assert 2**order * 0.8 < coarse / fine < 2**order * 1.3
    assert isinstance(prior.schedule, VESchedule)


def test_dpm_solver_leaves_nothing_of_one_run_to_the_next() -> None:
    prior = Mixture.around(torch.rand(1, 3, 16, 16), STD, "ve")
    sampler, levels = DPMSolver(), ladder(prior, 6)
    assert flow_error(prior, sampler, levels) == flow_error(prior, sampler, levels)


def test_dpm_solver_stochastic_form_starts_as_ancestral_sampling_does() -> None:
    """Of first order, the SDE solver with eta = 1 is DDIM with eta = 1."""
    prior = Mixture.around(torch.rand(1, 3, 16, 16), STD, "ddpm")
    level, lower = prior.schedule.at(300), prior.schedule.at(200)
    x, z = torch.randn(2, 1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    latent, denoise = Latent(x, level), Evaluator(loaded(prior)).denoise
    ours, ancestral = (
        sampler(latent, lower, denoise, lambda x: z.clone()).x for sampler in (DPMSolver(eta=1), DDIM(eta=1))
    )
    assert torch.allclose(ours, ancestral, atol=1e-5)
    assert not torch.allclose(ours, DPMSolver()(latent, lower, denoise, torch.randn_like).x, atol=1e-2)


@pytest.mark.parametrize("eta", [0.3, 0.7])
def test_dpm_solver_second_step_with_some_noise(eta: float) -> None:
    """x_j = k x_i + (a_j - k a_i) D + s_j sqrt(1 - exp(-2 eta h)) z, k = exp(-eta h) s_j / s_i, D of second order."""
    m, old, eps, z = torch.randn(4, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    top, level, lower = (DDPMSchedule.linear().at(t) for t in (400, 300, 200))
    highest, high, low = (math.log(one.alpha / one.sigma) for one in (top, level, lower))
    h, before = low - high, high - highest
    x = level.latent(m, eps)
    k = math.exp(-eta * h) * lower.sigma / level.sigma
    second = m + h / (2 * before) * (m - old)
    drawn = lower.sigma * math.sqrt(1 - math.exp(-2 * eta * h)) * z
    wanted = k * x + (lower.alpha - k * level.alpha) * second + drawn

    def predict(x: Tensor, level: Level) -> Estimate:
        return Estimate(eps, m)

    latent = Latent(x, level, history=(Past(top, old),))
    made = DPMSolver(eta=eta)(latent, lower, Denoise(predict, predict, predict), lambda _: z).x
    assert torch.allclose(made, wanted, atol=1e-10)
