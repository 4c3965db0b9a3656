"""The noise of a picture, from its quietest parts."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean import DDPMSchedule, Grain, MatchedSpectrum
from dreamclean.builtin.noise.spectrum import from_bands
from dreamclean.builtin.noise.treatment import noise_treatment
from dreamclean.builtin.planners.diagnosis.bars import without_bars
from dreamclean.builtin.planners.diagnosis.noise_estimate import SMALLEST, estimate_noise
from dreamclean.builtin.planners.diagnosis.noise_features import band_power, quiet_power
from dreamclean.recipe.recipe import make_recipe

SIDE = 160
SEPIA = torch.tensor([0.95, 0.75, 0.5]).view(1, 3, 1, 1)


def scene(seed: int = 0) -> Tensor:
    """Discs with soft shading before a sky, with fine texture on some of them: (1, 3, SIDE, SIDE) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(0, 1, SIDE), torch.linspace(0, 1, SIDE), indexing="ij")
    sky = torch.stack([0.4 + 0.2 * y, 0.5 + 0.2 * y, 0.75 - 0.1 * y])
    texture = F.interpolate(torch.rand(1, 1, 64, 64, generator=generator), (SIDE, SIDE), mode="bicubic")[0]
    for number in range(9):
        cx, cy, r, *colour = torch.rand(6, generator=generator).tolist()
        inside = ((x - cx) ** 2 + (y - cy) ** 2 < (0.08 + 0.15 * r) ** 2).float()
        shade = 0.2 + 0.6 * torch.tensor(colour).view(3, 1, 1) * (0.7 + 0.3 * x) + 0.15 * (number % 3 == 0) * texture
        sky = inside * shade + (1 - inside) * sky
    return sky[None].clamp(0.05, 0.95)


def in_8_bits(x: Tensor) -> Tensor:
    return (x.clamp(0, 1) * 255).round() / 255


def noisy(seed: int = 0, **settings: Any) -> Tensor:
    return in_8_bits(Grain(**settings).measure(scene(seed), torch.Generator().manual_seed(seed + 50)))


@pytest.mark.parametrize(
    "settings",
    [
        {"std": 0.1, "common": 0.0},
        {"std": 0.03, "common": 0.0},
        {"std": 0.08, "blur": 1.0},
        {"std": 0.06, "blur": 0.7},
        {"std": 0.06, "blur": 0.8, "common": 0.3},
    ],
    ids=["white", "faint", "grain", "fine grain", "coloured"],
)
def test_estimate_noise_tells_its_covariance(settings: dict[str, Any]) -> None:
    found = estimate_noise(noisy(**settings))
    assert found is not None and found.line is None
    assert found.std == pytest.approx(settings["std"], rel=0.15)
    assert found.sure > 0.9
    truth, table = Grain(**settings).spectrum(), from_bands(found.bands)
    assert float(torch.linalg.matrix_norm(table - truth).max() / torch.linalg.matrix_norm(truth).max()) < 0.35
    if settings.get("common", 1.0) == 1.0:  # its chroma is clean
        assert float(torch.linalg.eigvalsh(table)[:, :2].max()) < 0.01 * float(truth.max())


@pytest.mark.parametrize("seed", range(3))
def test_estimate_noise_is_quiet_on_clean_pictures(seed: int) -> None:
    assert estimate_noise(in_8_bits(scene(seed))) is None
    assert estimate_noise(in_8_bits(scene(seed).mean(1, keepdim=True).expand(-1, 3, -1, -1))) is None


@pytest.mark.parametrize("tint", [torch.ones(1, 3, 1, 1), SEPIA], ids=["grey", "sepia"])
def test_estimate_noise_of_one_tint_lies_on_its_line(tint: Tensor) -> None:
    grey = scene().mean(1, keepdim=True)
    noise = 0.08 * torch.randn(grey.shape, generator=torch.Generator().manual_seed(1))
    found = estimate_noise(in_8_bits((grey + noise).clamp(0, 1) * tint))
    assert found is not None and found.line is not None
    assert found.std == pytest.approx(0.08 * float(tint.square().mean().sqrt()), rel=0.15)
    power, axes = torch.linalg.eigh(from_bands(found.bands)[200])
    assert float(power[1]) < 1e-3 * float(power[2])
    assert torch.allclose(axes[:, 2].abs().float(), (tint / tint.norm()).flatten(), atol=0.02)


def test_estimate_noise_of_a_small_or_flat_picture_is_none() -> None:
    small = torch.rand(1, 3, SMALLEST - 1, 200, generator=torch.Generator().manual_seed(0))
    for picture in (small, torch.full((1, 3, 64, 64), 0.4), torch.ones(1, 3, 64, 64)):
        assert estimate_noise(picture) is None


def test_estimate_noise_asks_to_be_as_sure_as_wanted() -> None:
    assert estimate_noise(noisy(std=0.06, blur=0.7), sure=1.0) is None


# ---------------------------------------------------------------------------------------------- features


def test_band_power_of_white_noise_is_its_variance() -> None:
    noise = 0.2 * torch.randn(2, 256, 256, generator=torch.Generator().manual_seed(0))
    power = band_power(noise).mean(0)
    assert torch.allclose(power[:, 1:], torch.full_like(power[:, 1:], 0.04), rtol=0.06)
    assert torch.allclose(power[:, 0], torch.full_like(power[:, 0], 0.036), rtol=0.06)  # a block's mean is not in it


def test_quiet_power_does_not_see_a_loud_half() -> None:
    noise = 0.02 * torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(0))
    loud = noise.clone()
    loud[..., 48:] *= 20
    quiet, half = (quiet_power(0.5 + 0.1 * v, v).view(3, 4, 8) for v in (noise, loud))
    assert float((quiet - half)[:, :2].abs().max()) < 0.4
    assert float((half - quiet)[:, 3].min()) > 1


def test_quiet_power_leaves_clipped_blocks_out() -> None:
    noise = 0.05 * torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(0))
    picture = 0.5 + noise
    picture[..., :64] = 1
    assert float(quiet_power(picture, picture).min()) > -5


# ---------------------------------------------------------------------------------------------- treatment


@pytest.mark.parametrize("noise", [Grain(std=20 / 255, blur=1), Grain(std=0.1, common=0), Grain(std=0.05)])
def test_noise_treatment_starts_at_the_loudest_component(noise: Grain) -> None:
    schedule = DDPMSchedule.linear()
    recipe = make_recipe(**noise_treatment(noise.spectrum(), schedule))
    assert recipe.initializer is not None
    start = MatchedSpectrum(**{k: v for k, v in recipe.initializer.items() if k != "name"})
    assert torch.allclose(start.spectrum(), noise.spectrum(), atol=0.03 * float(noise.spectrum().max()))
    loudest = 2 * float(torch.linalg.eigvalsh(noise.spectrum()).max()) ** 0.5
    assert recipe.strength == schedule.timestep(loudest)
    assert recipe.steps == 2


def test_noise_treatment_takes_fewer_steps_where_no_more_fit() -> None:
    recipe = noise_treatment(Grain(std=1 / 255, common=0).spectrum(), DDPMSchedule.linear())
    assert 1 <= recipe["steps"] < 8


def test_noise_treatment_of_another_pixel_scale() -> None:
    schedule, grain = DDPMSchedule.linear(), Grain(std=0.04)
    half, whole = (noise_treatment(grain.spectrum(), schedule, scale) for scale in (0.5, 1.0))
    assert schedule.at(whole["strength"]).ratio == pytest.approx(schedule.at(half["strength"]).ratio / 2, rel=0.1)


@pytest.mark.parametrize("sides", [2, 3])
@pytest.mark.parametrize("level", [0, 1, 16, 235])
def test_estimate_noise_looks_between_the_bars_of_a_film(level: int, sides: int) -> None:
    """Of grain they show none, whatever their colour."""
    image = noisy(std=0.06, blur=0.8)
    bar = torch.full_like(image, level / 255).narrow(sides, 0, 40)
    found = estimate_noise(torch.cat([bar, image, bar], sides))
    whole = estimate_noise(image)
    assert found is not None and whole is not None
    assert found.std == pytest.approx(whole.std, rel=0.02)


def test_without_bars_leaves_pictures_of_one_colour_and_narrow_lines() -> None:
    flat, image = torch.full((1, 3, 64, 80), 0.2), noisy(std=0.06)
    assert without_bars(flat).shape == flat.shape
    lined = image.clone()
    lined[..., :3, :] = 0.5
    assert torch.equal(without_bars(lined), lined)
    lined[..., -20:] = 0.1
    lined[..., :30, :] = 0.5
    assert torch.equal(without_bars(lined), image[..., 30:, :-20])
