"""An outside package's prior in the manner of EDM: levels explode to sigma = 80, spaced as Karras et al. 2022 do."""

import itertools

import pytest
import torch

from dreamclean import Karras, Model, Prior, Restorer, VESchedule
from dreamclean.host.host import Host
from dreamclean.testing import PriorSuite

MEAN, DATA = -0.2, 0.5


class EDM(Prior):
    """A preconditioned network F: D(x) = c_skip x + c_out F(c_in x, c_noise) (Karras et al. 2022, Eq. 7)."""

    name = "edm"

    def load(self, device, dtype):
        return Model(VESchedule(0.002, 80.0), self._eps)

    def _eps(self, x, level):
        total = level.sigma**2 + DATA**2
        skip, out, scale = DATA**2 / total, level.sigma * DATA / total**0.5, total**-0.5
        return (x - skip * x - out * self._f(scale * x, level.sigma)) / level.sigma

    def _f(self, x, sigma):
        """The exact network for pixels N(MEAN, DATA^2): D(x) = (DATA^2 x + sigma^2 MEAN) / (DATA^2 + sigma^2)."""
        return torch.full_like(x, sigma * MEAN / (DATA * (sigma**2 + DATA**2) ** 0.5))


class TestEDM(PriorSuite):
    component = EDM()
    registered = False


def test_edm_prior_has_the_levels_of_karras():
    levels = Restorer(EDM(), strength=80.0, steps=18, plugins=Host([])).levels
    assert len(levels) == 19 and levels[-1].sigma == 80
    roots = [level.sigma ** (1 / 7) for level in levels[1:]]
    gaps = [b - a for a, b in itertools.pairwise(roots)]
    assert max(gaps) == pytest.approx(min(gaps), rel=1e-6)
    assert levels == VESchedule(0.002, 80.0).ladder(80.0, 18, Karras(rho=7))


def test_edm_prior_restores():
    clean = MEAN + DATA * torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    image = (clean + 1) / 2
    noisy = image + 0.25 * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    restorer = Restorer(
        EDM(), initializer="matched-level", corrector="none", strength="nsr:0.5", steps=8, plugins=Host([])
    )
    restored = restorer(noisy).image
    gain = float((noisy - image).square().mean() / (restored - image.clamp(0, 1)).square().mean())
    assert gain > 1.5
