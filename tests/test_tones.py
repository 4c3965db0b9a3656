"""Fading and haze: the operators, how much of each a picture shows, and restorations that are told which it is."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean import JPEG, Chain, DDPMSchedule, DreamCleanError, Faded, Grain, Haze, Operator, Picture, Restorer
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.builtin.planners.diagnosis.tones.fading import estimate_fading
from dreamclean.builtin.planners.diagnosis.tones.haze import estimate_haze
from dreamclean.builtin.planners.diagnosis.tones.toned import toned, with_darkest
from dreamclean.host.host import host
from dreamclean.method.measured import EIGHT_BIT

PRINT = Faded(black=(0.35, 0.3, 0.2), white=(0.95, 0.9, 0.7))


def scene(height: int = 128, width: int = 160, seed: int = 1) -> Tensor:
    """Coloured areas from black to white, (1, 3, H, W): something is dark in every part, as in a photograph."""
    draw = torch.Generator().manual_seed(seed)
    areas = F.interpolate(torch.rand(1, 3, 6, 8, generator=draw) ** 2, (height, width), mode="bilinear")
    leaves = F.interpolate(torch.rand(1, 1, height // 5, width // 5, generator=draw), (height, width), mode="bicubic")
    areas = areas * (4 * leaves.clamp(0, 1)).clamp(max=1)
    areas[..., :8, :8], areas[..., -8:, -8:] = 1, 0
    return areas


def psnr(x: Tensor, clean: Tensor) -> float:
    return -10 * math.log10(float((x.clamp(0, 1) - clean).square().mean()))


def decaying(height: int, width: int) -> Tensor:
    return torch.linspace(0.4, 0.9, height).view(1, 1, -1, 1).expand(1, 1, height, width)


@pytest.mark.parametrize(
    "operator", [PRINT, Haze(transmission=0.5), Haze.of(decaying(128, 160), airlight=(0.8, 0.8, 0.9))]
)
def test_start_undoes_what_the_operator_does(operator: Operator) -> None:
    clean = scene()
    torch.testing.assert_close(operator.start(operator.degrade(clean)), clean)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_projection_weighs_estimate_and_measurement_by_their_noise(noise: float) -> None:
    """At each pixel the mean of two normal densities: r^2 g (y - b) + v x0 over r^2 g^2 + v."""
    operator = PRINT.model_copy(update={"noise": noise})
    x0, y = scene(seed=2), operator.degrade(scene())
    gain, offset = operator.terms(x0)
    expected = (0.2**2 * gain * (y - offset) + noise**2 * x0) / (0.2**2 * gain**2 + noise**2)
    torch.testing.assert_close(operator.project(x0, y, 0.2), expected)


def test_noise_of_a_faded_print_is_removed_from_its_level_over_the_contrast() -> None:
    schedule = DDPMSchedule.linear()
    faint = Faded(black=(0.25,), white=(0.75,), noise=0.05).recipe_for(schedule, 0.5)
    assert faint["strength"] == schedule.timestep(2 * 0.05 / 0.5)
    assert Faded().recipe_for(schedule, 0.5) == Haze.of(decaying(8, 8), noise=0.1).recipe_for(schedule, 0.5) == {}


def test_transmission_is_kept_in_the_operator_for_pictures_of_any_size() -> None:
    operator = Haze.of(decaying(600, 400), airlight=(0.8,))
    again = host().make("operator", operator.spec())
    assert again == operator
    t, _ = operator.terms(torch.zeros(1, 3, 300, 200))
    assert t.shape == (1, 1, 300, 200)
    torch.testing.assert_close(t, decaying(300, 200), atol=0.01, rtol=0)
    assert host().make("operator", str(operator)) == operator


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("faded:black=0.5,white=0.4", "white must be above black by 0.05"),
        ("faded:black=0.1/0.2", "black: one number, or three"),
        ("haze:airlight=0.8/0.9", "one number, or three"),
        ("haze:map=nonsense", "not the text that Haze"),
    ],
)
def test_settings_that_cannot_be_are_said(settings: str, message: str) -> None:
    with pytest.raises(DreamCleanError, match=message):
        host().make("operator", settings)


def test_fading_is_found_by_what_black_and_white_have_become() -> None:
    found = estimate_fading(PRINT.degrade(scene()))
    assert found.black == pytest.approx(PRINT.black, abs=0.03)
    assert found.white == pytest.approx(PRINT.white, abs=0.06)
    clean = scene()
    assert psnr(found.start(PRINT.degrade(clean)), clean) > psnr(PRINT.degrade(clean), clean) + 10
    flat = estimate_fading(torch.full((1, 3, 40, 40), 0.5))
    assert all(white > black for black, white in zip(flat.black, flat.white, strict=True))


def test_haze_is_found_by_what_is_dark_in_no_channel() -> None:
    clean = scene()
    true = Haze.of(decaying(128, 160), airlight=(0.85, 0.85, 0.9))
    found = estimate_haze(true.degrade(clean))
    t, _ = found.terms(clean)
    assert float((t - decaying(128, 160)).abs().mean()) < 0.12
    assert psnr(found.start(true.degrade(clean)), clean) > psnr(true.degrade(clean), clean) + 6


@pytest.mark.parametrize("tone", ["faded", "haze"])
def test_diagnosis_puts_the_tones_before_the_other_damage(tone: Any) -> None:
    image = scene()
    quiet = toned(image, Diagnosis("clean"), tone)
    assert quiet.operator is not None and (quiet.family, quiet.operator.name, quiet.operator.noise) == (
        tone,
        tone,
        EIGHT_BIT,
    )
    noisy = toned(image, Diagnosis("white noise", noise=0.1, ratio=0.2), tone)
    assert noisy.operator is not None and noisy.operator.noise == 0.1 and "25.5 of 255" in noisy.summary()
    both = toned(image, Diagnosis("JPEG", operator=JPEG(quality=(30,)), found="JPEG, quality 30"), tone)
    assert isinstance(both.operator, Chain) and [link.name for link in both.operator.links] == [tone, "jpeg"]
    assert both.summary().endswith("; then JPEG, quality 30")
    flat = torch.full((1, 3, 40, 40), 0.5)
    assert toned(flat, Diagnosis("flat"), tone) == Diagnosis("flat")
    assert toned(image, Diagnosis("transparent"), tone) == Diagnosis("transparent")


@pytest.mark.parametrize(("tone", "damage"), [("faded", PRINT), ("haze", Haze.of(decaying(64, 64)))])
def test_tones_that_are_said_come_back(tone: str, damage: Operator) -> None:
    clean = scene(64, 64)
    seen = damage.degrade(clean)
    result = Restorer("starter", planner=f"auto:tone={tone}", device="cpu", dtype="float32")(seen)
    assert psnr(result.image, clean) > psnr(seen, clean) + 5
    assert (result.recipe.operator or {})["name"].endswith(tone)
    again = Restorer(recipe=result.recipe, device="cpu")(seen)
    assert torch.equal(again.image, result.image)


def test_picture_without_black_is_said_to_have_none() -> None:
    image = scene()
    assert with_darkest(image, Diagnosis("clean")) == Diagnosis("clean")
    grey = with_darkest(PRINT.degrade(image), Diagnosis("clean"))
    assert grey.darkest == pytest.approx(0.22, abs=0.05)
    assert "say --tone faded" in grey.summary() and "say --tone faded" in grey.words()


def test_tone_on_the_command_line(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = PRINT.degrade(scene(48, 48))
    Picture(shown).with_pixels(shown).save("old.png")
    status, out, err = cli("restore", "old.png", "--tone", "faded", "--device", "cpu")
    assert (status, err) == (0, "") and "faded: black has become" in out
    low, high = Picture.open("old-restored.png").pixels.aminmax()
    assert float(low) < 0.05 and float(high) > 0.95
    for arguments, message in (
        (["--tone", "sepia"], "'faded' or 'haze'"),
        (["--tone", "faded", "--operator", "blur:std=1"], "--tone is for blind restoration"),
    ):
        status, _, err = cli("restore", "old.png", "-o", "other.png", *arguments)
        assert status == 2 and message in err and err.count("\n") == 1
    assert not Path("other.png").exists()


def test_noise_that_no_review_can_confirm_is_not_taken_for_one_beneath_a_change_of_tones() -> None:
    grain, otherwise = Grain(std=0.1), Diagnosis("clean")
    for sure, kept in ((0.6, False), (0.99, True)):
        found = Diagnosis("coloured noise", sure, operator=grain, otherwise=otherwise)
        made = toned(torch.rand(1, 3, 64, 64), found, "faded").operator
        assert (isinstance(made, Chain) and grain in made.links) == kept
