"""An outside package's sampler: a multistep solver of third order, whose history the latent carries."""

import math
from itertools import pairwise

import pytest
import torch

from dreamclean import DDIM, DPMSolver, Evaluator, Latent, Level, Mixture, Past, Sampler
from dreamclean.testing import loaded

STD = 0.1


class ThirdOrder(Sampler):
    """Exponential integrator on the polynomial through the last three posterior means (cf. DPM-Solver++ 3M)."""

    name = "third-order"

    def __call__(self, latent, lower, denoise, noise):
        here = Past(latent.level, latent.estimated(denoise).x0)
        known = (here, *latent.history)
        if lower.sigma == 0:
            return latent.moved(lower.alpha * here.x0, lower, known[:2])
        at = [math.log(past.level.alpha / past.level.sigma) for past in known]
        step = math.log(lower.alpha / lower.sigma) - at[0]
        # integral of exp(l - end) times the Newton polynomial in l, from here to the lower level
        moments = [-math.expm1(-step)]
        for power in (1, 2):
            moments.append(step**power - power * moments[-1])
        clean = moments[0] * here.x0
        if len(known) > 1:
            first = (here.x0 - known[1].x0) / (at[0] - at[1])
            clean = clean + moments[1] * first
        if len(known) > 2:
            second = (first - (known[1].x0 - known[2].x0) / (at[1] - at[2])) / (at[0] - at[2])
            clean = clean + (moments[2] + moments[1] * (at[0] - at[1])) * second
        return latent.moved(lower.sigma / latent.level.sigma * latent.x + lower.alpha * clean, lower, known[:2])


def flow_error(sampler, steps):
    """Distance from the exact solution of the probability flow around one Gaussian, from s/a = 3 to 0.05."""
    picture = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    prior = Mixture.around(picture, STD, "ve")
    levels = [Level(s, 1.0, s) for s in (0.05 * 60 ** (k / steps) for k in range(steps + 1))]
    width = [math.hypot(2 * STD, level.sigma) for level in levels]
    offset = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    latent = Latent(prior.means + width[-1] * offset, levels[-1])
    for lower in levels[-2::-1]:
        latent = sampler(latent, lower, Evaluator(loaded(prior)).denoise, torch.randn_like)
    exact = prior.means + width[0] * offset
    return float((latent.x - exact).norm() / exact.norm())


@pytest.mark.parametrize(("sampler", "order"), [(DDIM(), 1), (DPMSolver(), 2), (ThirdOrder(), 3)])
def test_solver_error_falls_with_the_order(sampler, order):
    errors = [flow_error(sampler, steps) for steps in (20, 40, 80)]
    for coarse, fine in pairwise(errors):
        assert coarse / fine > 2**order * 0.75
