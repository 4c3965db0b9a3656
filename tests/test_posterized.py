"""Pictures in few tones: the operator, how they are recognised, and what comes back."""

import math

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamclean import DreamCleanError, Picture, Posterized, Restorer
from dreamclean.builtin.planners.diagnosis.damages.drawn import drawing, screenshot, text_page
from dreamclean.builtin.planners.diagnosis.tones.few import estimate_tones
from dreamclean.builtin.planners.diagnosis.tones.palette import estimate_palette
from dreamclean.host.host import host

WAYS = [
    Posterized(levels=(5,)),
    Posterized(levels=(12,)),
    Posterized(levels=(64,)),
    Posterized(levels=(16,), cut="floored"),
    Posterized(levels=(32, 64, 32), cut="rounded"),
]


def photo(seed: int = 0, side: int = 96) -> Tensor:
    """Smooth areas with a little texture, in 8 bits."""
    draw = torch.Generator().manual_seed(seed)
    coarse = F.interpolate(torch.rand(1, 3, 5, 5, generator=draw), side, mode="bicubic")
    return eight_bit(coarse + 0.01 * torch.randn(1, 3, side, side, generator=draw))


def eight_bit(x: Tensor) -> Tensor:
    return (x.clamp(0, 1) * 255).round() / 255


def psnr(x: Tensor, clean: Tensor) -> float:
    return -10 * math.log10(float((x - clean).square().mean()))


@pytest.mark.parametrize("operator", WAYS, ids=str)
def test_tones_are_as_many_as_said_and_values_lie_within_half_a_step(operator: Posterized) -> None:
    x = torch.rand(1, 3, 200, 200, generator=torch.Generator().manual_seed(0))
    y = operator.degrade(eight_bit(x))
    levels = operator.levels * (3 // len(operator.levels))
    assert [len(channel.unique()) for channel in y[0]] == list(levels)
    steps = operator._step(y)
    assert ((operator.start(y) - eight_bit(x)).abs() <= steps / 2 + 1e-6).all()
    assert (operator.project(operator.start(y), y, 0.1) - operator.start(y)).abs().max() < 1e-6


def test_measurement_of_the_truth_is_the_mean_of_the_interval() -> None:
    """What ``dequantized`` says makes the projection the mean of a normal density cut to half a step around y."""
    operator = Posterized(levels=(6,))
    clean = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    y, r = operator.degrade(clean), 0.05
    estimate = clean + r * torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    made = operator.project(estimate, operator.dequantized(y, estimate, r), r)
    assert ((made - y).abs() <= 0.1 + 1e-5).all()
    linear = operator.project(estimate, y, r)
    assert psnr(made, clean) > psnr(linear, clean) + 0.1 > psnr(estimate, clean) + 2


@pytest.mark.parametrize("operator", WAYS, ids=str)
def test_few_tones_are_recognised(operator: Posterized) -> None:
    assert estimate_tones(eight_bit(operator.degrade(photo()))) == operator


def test_tones_of_repeated_bits_are_recognised() -> None:
    bits = (photo() * 255).long() >> 3
    assert estimate_tones(((bits << 3) | (bits >> 2)).float() / 255) == Posterized(levels=(32,))


def test_photographs_drawings_and_noise_are_not_taken_for_few_tones() -> None:
    x = photo()
    noisy = eight_bit(Posterized(levels=(8,)).degrade(x) + 0.02 * torch.randn(x.shape))
    for image in (x, eight_bit(x * 0.1), noisy, Posterized(levels=(8,)).degrade(x) * 0.9, torch.full_like(x, 0.5)):
        assert estimate_tones(image) is None
    for make in (drawing, screenshot, text_page):
        for levels in (4, 6):
            shown = make(x, 1).shown
            assert estimate_tones(shown) is None
            assert estimate_tones(eight_bit(Posterized(levels=(levels,)).degrade(shown))) is None


@pytest.mark.parametrize("dither", [Image.Dither.NONE, Image.Dither.FLOYDSTEINBERG])
@pytest.mark.parametrize("colours", [64, 256])
def test_palette_of_a_photograph_is_recognised(colours: int, dither: Image.Dither) -> None:
    image = Picture(photo()).with_pixels(photo())
    few = image.quantize(palette=image.quantize(colours), dither=dither)
    found = estimate_palette(Picture.from_pil(few).pixels)
    assert found is not None and found.levels[0] > colours ** (1 / 3) + 1


def test_photographs_and_drawings_have_no_palette() -> None:
    x = photo()
    grey = eight_bit(x.mean(1, keepdim=True).expand(x.shape))
    icon = Picture.from_pil(Picture(x).with_pixels(x).quantize(32).resize((48, 48), Image.Resampling.NEAREST)).pixels
    for image in (x, grey, eight_bit(0.2 * grey), torch.full_like(x, 0.5), icon):
        assert estimate_palette(image) is None
    for make in (drawing, screenshot, text_page):
        shown = make(x, 1).shown
        few = Picture(shown).with_pixels(shown).quantize(64)
        assert estimate_palette(shown) is None and estimate_palette(Picture.from_pil(few).pixels) is None


def test_few_tones_become_many_again() -> None:
    clean = photo()
    shown = eight_bit(Posterized(levels=(12,)).degrade(clean))
    result = Restorer("starter", device="cpu", dtype="float32")(shown)
    assert result.reports[0].summary() == "few tones: 12 in each channel"
    assert psnr(result.image, clean) > psnr(shown, clean) + 3
    assert ((result.image - shown).abs() <= 0.5 / 11 + 0.01).float().mean() > 0.99
    assert torch.allclose(Restorer(recipe=result.recipe, device="cpu")(shown).image, result.image, atol=2e-3)


def test_levels_that_cannot_be_are_said() -> None:
    for levels, message in (("1", "from 2 to 256"), ("12/16", "one number, or three"), ("300", "from 2 to 256")):
        with pytest.raises(DreamCleanError, match=message):
            host().make("operator", f"posterized:levels={levels}")
