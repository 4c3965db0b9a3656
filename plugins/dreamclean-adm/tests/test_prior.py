"""The prior: the kernel's contract, the noise levels, the method's counts, precision."""

import math
from types import SimpleNamespace

import pytest
import torch
from dreamclean_adm.noise import schedule
from dreamclean_adm.prior import ADM
from torch import nn

from dreamclean import DDPMSchedule, Restorer
from dreamclean.method.asking import fitted
from dreamclean.testing import PriorSuite, loaded

FAMILIES = ("guided", "improved", "ddpm")
ALL = pytest.mark.parametrize("name", FAMILIES)


def make(models, name: str) -> ADM:
    return ADM(path=str(models.path(name)), **models.settings(name))


class TestGuidedDiffusion(PriorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def component(cls, models):
        return make(models, "guided, new order")


class TestImprovedDiffusion(PriorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def component(cls, models):
        return make(models, "improved")


class TestDDPM(PriorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def component(cls, models):
        return make(models, "ddpm")


def picture(height: int = 32, width: int = 32, batch: int = 1) -> torch.Tensor:
    return 0.3 + 0.4 * torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_schedule_linear():
    """T = 1000 is the paper's; other T end as noisy."""
    assert schedule("linear", 1000).levels == DDPMSchedule.linear().levels
    assert schedule("linear", 4000).at(3999).ratio == pytest.approx(DDPMSchedule.linear().at(999).ratio, rel=0.03)


@pytest.mark.parametrize("timesteps", [1000, 4000])
def test_schedule_cosine(timesteps):
    """abar at t is cos^2 at (t + 1) / T, over its value at 0; the last, which beta <= 0.999 bounds, is left out."""
    levels = schedule("cosine", timesteps)
    assert levels.highest == timesteps - 2
    for t in (0, timesteps // 3, timesteps - 2):
        alpha_bar, first = (math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2 for u in ((t + 1) / timesteps, 0))
        assert levels.at(t).alpha == pytest.approx(math.sqrt(alpha_bar / first), rel=1e-6)


def test_adm_recommends_by_its_levels(models):
    """Blind nothing, so that a diagnosis decides; with an operator the paper's noise-to-signal ratio."""
    assert make(models, "guided").recipe_for(False) == make(models, "improved").recipe_for(False) == {}
    assert Restorer(make(models, "guided"), operator="identity", device="cpu").levels[-1].t == 300
    top = Restorer(make(models, "improved"), operator="identity", device="cpu").levels[-1]
    assert top.t > 2000
    assert top.ratio == pytest.approx(DDPMSchedule.linear().at(300).ratio, rel=1e-3)


def test_adm_geometry(models):
    prior = make(models, "guided")
    assert prior.space == "pixel"
    assert loaded(prior).geometry == (4, None)
    assert loaded(ADM(path=prior.path, head_width=16, size=96)).geometry == (4, 96)


@ALL
def test_adm_evaluations_of_the_papers_preset(models, name):
    """90 blind, 60 with a known operator; the image is finite."""
    blind = Restorer(make(models, name), preset="paper", device="cpu", dtype="float32")(picture(16, 16))
    assert blind.nfe == 90
    known = Restorer(make(models, name), preset="paper", operator="downsample:factor=4", device="cpu", dtype="float32")
    result = known(picture(4, 4))
    assert (result.nfe, result.image.shape) == (60, (1, 3, 16, 16))
    assert blind.image.isfinite().all()
    assert result.image.isfinite().all()


@ALL
def test_adm_inversion_and_sampling_meet(models, name):
    """The latent comes back, to an error that falls with the step size: four times the steps, less than half."""
    image = picture(16, 16)

    def error(steps: int) -> float:
        components = dict(initializer="ddim-inversion", corrector="none", sampler="ddim")
        restorer = Restorer(
            make(models, name), **components, strength="nsr:0.5", steps=steps, device="cpu", dtype="float32"
        )
        x = restorer(image, trace=True).trace[-1].x
        return float((x - (2 * image - 1)).square().mean().sqrt())

    coarse, fine = error(10), error(40)
    assert fine < 0.5 * coarse
    assert fine < 0.1


@ALL
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_adm_in_low_precision(models, name, dtype):
    """The torso's convolutions are cast and nothing else; the noise stays near that of float32."""
    full, low = (make(models, name).load(torch.device("cpu"), precision) for precision in (torch.float32, dtype))
    network = low.predict.__self__.network
    torso = tuple(network.torso)
    for key, module in network.named_modules():
        cast = isinstance(module, nn.Conv1d | nn.Conv2d) and key.startswith(torso)
        for parameter in module.parameters(recurse=False):
            assert parameter.dtype == (dtype if cast else torch.float32), key
    assert isinstance(low.schedule.at(300).alpha, float)
    x = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    for t in (0, 300, low.schedule.highest):
        expected, found = (prior.predict(x, prior.schedule.at(t)) for prior in (full, low))
        assert found.dtype == torch.float32
        assert (found - expected).norm() / expected.norm() < (5e-3 if dtype is torch.float16 else 4e-2)


@ALL
def test_adm_does_not_depend_on_memory_layout(models, name):
    prior = make(models, name).load(torch.device("cpu"), torch.float32)
    assert all(
        parameter.is_contiguous(memory_format=torch.channels_last)
        for parameter in prior.predict.__self__.network.parameters()
        if parameter.ndim == 4
    )
    x = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    level, last = prior.schedule.at(300), x.to(memory_format=torch.channels_last)
    fresh = loaded(make(models, name))
    torch.testing.assert_close(prior.predict(last, level), fresh.predict(x, level), rtol=0, atol=1e-5)


def test_adm_pads_a_size_that_is_no_multiple_at_the_bottom_and_right(models):
    prior = fitted(loaded(make(models, "guided")))
    x = torch.randn(1, 3, 17, 23, generator=torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(x, (0, 1, 0, 3), mode="reflect")
    level = prior.schedule.at(300)
    eps = prior.predict(x, level)
    torch.testing.assert_close(eps, prior.predict(padded, level)[..., :17, :23], rtol=0, atol=1e-5)


def test_adm_can_be_differentiated_through(models):
    """As an operator does that guides by gradients; the weights have none."""
    prior = make(models, "guided, new order").load(torch.device("cpu"), torch.float32)
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    prior.predict(x, prior.schedule.at(300)).square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in prior.predict.__self__.network.parameters())


def test_adm_recognises_a_published_network_by_its_shapes(layouts, saved):
    """DDPM's for CIFAR-10 whole, as it is the smallest: what the shapes do not tell, such as the size, is known."""
    flags = SimpleNamespace(resolution=32, ch=128, ch_mult=(1, 2, 2, 2), num_res_blocks=2, attn_resolutions=(16,))
    shapes = layouts.ddpm(**vars(flags))
    state = {key: torch.zeros(1).expand(shape) for key, shape in shapes.items()}
    assert loaded(ADM(path=str(saved(state)))).geometry == (8, 32)
