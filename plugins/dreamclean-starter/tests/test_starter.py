"""The starter prior: its weights, its figures and its card are what they claim to be."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from dreamclean_starter.prior import BLIND, KNOWN, MODEL, Starter

from dreamclean import (
    JPEG,
    Blur,
    Colorize,
    Downsample,
    DreamCleanError,
    Enlarged,
    Evaluator,
    FourierMagnitude,
    Inpaint,
    Picture,
    Restorer,
)
from dreamclean.builtin.planners.diagnosis.calibration import FAMILIES, calibration_of
from dreamclean.builtin.planners.diagnosis.diagnose import diagnose_image
from dreamclean.host.host import host
from dreamclean.testing import PriorSuite, loaded

CARD = (Path(__file__).parents[1] / "README.md").read_text()
CUP = Picture.open(Path(__file__).with_name("cup.png")).pixels


def psnr(image: torch.Tensor) -> float:
    return float(-10 * (image - CUP).square().mean().log10())


class TestConformance(PriorSuite):
    component = Starter()


def test_starter_runs_when_nothing_is_chosen():
    assert isinstance(host().default_prior(), Starter)


def test_starter_weights_are_those_of_the_card():
    digest = hashlib.sha256((MODEL / "unet/diffusion_pytorch_model.safetensors").read_bytes()).hexdigest()
    assert digest in CARD


def test_starter_recipes_are_those_of_the_card():
    blocks = re.findall(r"```json\n(.*?)```", CARD, re.DOTALL)
    assert [json.loads(block) for block in blocks] == [BLIND, KNOWN]


@pytest.mark.parametrize(
    ("operator", "low", "high"),
    [
        (None, None, None),
        (JPEG(quality=(10,)), 160, 160),
        (Colorize(noise=0.05), 130, 130),
        (Inpaint(share=0.5, noise=0.05), 130, 130),
        (Inpaint(share=0.9, noise=0.05), 220, 220),  # here holes are larger than a pixel or two
        (FourierMagnitude(), 220, 220),
        (JPEG(quality=(10,)) @ Blur(shape="gaussian", std=(1.0,)), 220, 220),
        (Blur(shape="gaussian", std=(1.0,), noise=0.02), 220, 220),
        (Blur(shape="defocus", radius=2.0, noise=0.02), 220, 220),
        (Blur(shape="gaussian", size=5, std=(10.0,), noise=0.05), 260, 290),
        (Blur(shape="defocus", radius=5.0, noise=0.02), 290, 330),
        (Downsample(factor=4, noise=0.05), 400, 400),
        (Downsample(factor=200), 400, 400),  # larger than what it is tried on
    ],
    ids=str,
)
def test_starter_starts_higher_where_less_is_known(operator, low, high):
    recipe = Starter().recipe_for(operator)
    if operator is None:
        assert recipe == BLIND
    else:
        assert recipe == KNOWN | {"strength": recipe["strength"], "steps": 6 if isinstance(operator, Colorize) else 12}
        assert low <= recipe["strength"] <= high


@pytest.mark.parametrize("sigma", [25, 50])
def test_starter_denoises_a_small_picture_in_one_step(sigma):
    """The card's figure for this picture, to 0.05 dB."""
    (claimed,) = re.findall(rf"cup\.png.*sigma = {sigma}: ([\d.]+) dB", CARD)
    model = loaded(Starter())
    noise = torch.randn(CUP.shape, generator=torch.Generator().manual_seed(0))
    level = model.schedule.at(model.schedule.timestep(2 * sigma / 255))
    with torch.no_grad():
        x = level.alpha * model.codec.encode(CUP + sigma / 255 * noise)
        found = psnr(model.codec.decode(Evaluator(model).prior(x, level).x0).clamp(0, 1))
    assert found == pytest.approx(float(claimed), abs=0.05)


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_starter_names_measures_and_removes_white_noise(sigma):
    noise = torch.randn(CUP.shape, generator=torch.Generator().manual_seed(0))
    noisy = (CUP + sigma / 255 * noise).clamp(0, 1).mul(255).round() / 255
    result = Restorer()(noisy)
    (diagnosis,) = result.reports
    assert diagnosis.family == "white noise"
    assert diagnosis.noise == pytest.approx(sigma / 255, rel=0.15)
    assert psnr(result.image) > psnr(noisy) + 4


def test_starter_leaves_a_clean_picture_as_it_is():
    result = Restorer()(CUP)
    assert result.reports[0].ratio is None
    assert torch.equal(result.image, CUP)


def test_starter_helps_with_a_known_operator():
    restorer = Restorer(operator="inpaint:share=0.5,noise=0.02")
    y = restorer.operator.measure(CUP, torch.Generator().manual_seed(0))
    assert psnr(restorer(y).image) > psnr(restorer.operator.pseudo_inverse(y)) + 8


def test_starter_loads_with_plain_diffusers():
    from diffusers import DDPMPipeline

    pipeline = DDPMPipeline.from_pretrained(MODEL, low_cpu_mem_usage=False)
    assert pipeline.scheduler.config.num_train_timesteps == 1000
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model = loaded(Starter())
    level = model.schedule.at(300)
    with torch.no_grad():
        assert torch.allclose(pipeline.unet.float()(x, 300).sample, model.predict(x, level), atol=1e-5)


def test_starter_has_its_calibration_beside_the_model(tmp_path):
    """The same folder as a diffusers model, with its calibration and without."""
    pale = 0.4 * CUP[..., :90, :90] + 0.3
    assert Restorer(f"diffusers:path={MODEL}").plan(pale).report.family in FAMILIES
    for name in ("unet", "scheduler"):
        (tmp_path / name).symlink_to(MODEL / name)
    bare = Restorer(f"diffusers:path={tmp_path}")
    assert calibration_of(bare.prior) is None
    assert bare.plan(pale).report.family == "unknown"
    with pytest.raises(DreamCleanError, match="cannot tell compressed or blurred from clean"):
        bare(pale)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_diagnosis_hears_the_noise_of_a_small_picture(noise):
    """Of 32 x 32 pixels the spectrum says nothing, and the prior does."""
    small = F.adaptive_avg_pool2d(CUP, (32, 32))
    noisy = small + noise * torch.randn(small.shape, generator=torch.Generator().manual_seed(0))
    shown = F.interpolate((255 * noisy.clamp(0, 1)).round() / 255, scale_factor=4, mode="nearest")
    prior = Starter()
    found = diagnose_image(shown, {}, prior, loaded(prior))
    assert isinstance(found.operator, Enlarged)
    assert found.operator.grain == pytest.approx(noise, rel=0.25, abs=1e-3)
    assert ("noise" in found.words()) == bool(noise)
