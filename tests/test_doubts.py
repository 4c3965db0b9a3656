"""Warnings: a result outside [0, 1], a measurement the operator cannot have made, a preset that is too strong."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamclean import DreamCleanWarning, Mixture, Operator, Prior, Restorer
from dreamclean.host.host import host


@pytest.fixture
def sharp() -> Tensor:
    """A picture (1, 3, 32, 32) of hard edges and fine grain, which no blur makes."""
    generator = torch.Generator().manual_seed(0)
    squares = torch.rand(1, 3, 8, 8, generator=generator).repeat_interleave(4, 2).repeat_interleave(4, 3)
    return (squares + 0.1 * torch.randn(1, 3, 32, 32, generator=generator)).clamp(0, 1)


@pytest.fixture
def prior(sharp: Tensor) -> Mixture:
    """Knows that picture, and others."""
    others = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    return Mixture.around(torch.cat([sharp, others]), std=0.1)


def operator(text: str) -> Operator:
    made: Operator = host().make("operator", text)
    return made


def warned(prior: Prior, text: str, y: Tensor) -> list[str]:
    """What is said of a restoration of the measurement ``y``, read from a file where that is possible."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DreamCleanWarning)
        Restorer(prior, operator=text, strength=100, steps=4, device="cpu", dtype="float32")(y)
    return [str(warning.message) for warning in caught if issubclass(warning.category, DreamCleanWarning)]


BLUR = "blur:shape=gaussian,size=9,std=2"


@pytest.mark.parametrize(
    "text",
    [
        f"{BLUR},noise=0.01",
        f"{BLUR},noise=0.005",
        "blur:size=9,noise=0.05",
        "downsample:factor=4,noise=0.05",
        "downsample:factor=4",
        "inpaint:share=0.5",
        "colorize:noise=0.05",
        "jpeg:quality=10",
        "jpeg:quality=3",
        "identity:noise=0.1",
        "identity:poisson=0.1",
    ],
)
def test_doubts_are_none_where_the_operator_made_the_picture(text: str, sharp: Tensor, prior: Mixture) -> None:
    y = operator(text).measure(sharp, torch.Generator().manual_seed(1))
    assert warned(prior, text, y) == []


@pytest.mark.parametrize("text", [f"{BLUR},noise=0.0011", "blur:size=9,noise=0.0011", "blur:shape=motion,noise=0.0011"])
def test_doubts_warn_of_a_picture_that_was_never_blurred(text: str, sharp: Tensor, prior: Mixture) -> None:
    (message,) = warned(prior, text, sharp)
    assert message.startswith(
        "the result leaves [0, 1] by far: blur with these settings and this noise have probably not"
    )
    assert message.endswith("say what did, or give more noise")


def test_doubts_warn_of_noise_that_was_not_said(sharp: Tensor, prior: Mixture) -> None:
    blurred = operator(f"{BLUR},noise=0.05").measure(sharp, torch.Generator().manual_seed(1))
    assert "give more noise" in warned(prior, BLUR, blurred)[0]
    assert warned(prior, f"{BLUR},noise=0.05", blurred) == []


def test_doubts_warn_of_pixels_that_the_operator_would_have_lost(sharp: Tensor, prior: Mixture) -> None:
    """As a tensor it is the measurement, which has 0 there; in a file lost pixels may show anything."""
    (message,) = warned(prior, "inpaint:share=0.5", sharp)
    assert message.startswith("the result does not agree with the picture: inpaint with these settings")
    with warnings.catch_warnings():
        warnings.simplefilter("error", DreamCleanWarning)
        photo = Image.fromarray((sharp[0].permute(1, 2, 0) * 255).byte().numpy())
        Restorer(prior, operator="inpaint:share=0.5", strength=100, steps=4, device="cpu", dtype="float32")(photo)


def test_inpaint_drops_the_pixels_of_a_file_under_its_mask() -> None:
    inpaint = operator("inpaint:share=0.5")
    pixels = torch.rand(1, 3, 8, 8)
    assert inpaint.from_picture(pixels).equal(inpaint.degrade(pixels))


def test_doubts_warn_of_one_image_of_a_batch(sharp: Tensor, prior: Mixture) -> None:
    made = operator("inpaint:share=0.5").degrade(sharp)
    assert warned(prior, "inpaint:share=0.5", torch.cat([made, made, sharp])) != []
    assert warned(prior, "inpaint:share=0.5", torch.cat([made, made, made])) == []


@pytest.mark.parametrize(
    ("settings", "strong"),
    [
        ({"preset": "paper"}, True),
        ({"preset": "paper", "operator": "identity", "noise": 0.1}, True),
        ({"preset": "paper", "strength": "nsr:0.2"}, False),
        ({"strength": "nsr:1.2"}, False),
        ({}, False),
    ],
)
def test_doubts_warn_of_the_paper_preset_on_a_prior_that_recommends_less(settings, strong: bool) -> None:
    from dreamclean import Denoiser

    prior = Denoiser.of(lambda y, sigma: y, highest=1.0)  # recommends nsr:0.2 blind, nsr:0.5 with an operator
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Restorer(prior, **settings)
    messages = [str(w.message) for w in caught if issubclass(w.category, DreamCleanWarning)]
    usual = "0.5," if "operator" in settings else "0.2 at most,"
    expected = [f"preset paper starts at nsr:1.2, denoiser recommends nsr:{usual} so it may change the picture much; "]
    assert [m.partition("remove")[0] for m in messages] == (expected if strong else [])


def test_doubts_do_not_warn_of_the_paper_preset_on_a_prior_that_recommends_nothing(unet: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DreamCleanWarning)
        Restorer(unet, preset="paper")


def test_warning_points_at_the_users_line(unet: str, sharp: Tensor) -> None:
    with pytest.warns(DreamCleanWarning) as caught:
        Restorer(unet, operator="inpaint:share=0.5", strength=100, steps=2)(sharp)
    assert {Path(w.filename) for w in caught if w.category is DreamCleanWarning} == {Path(__file__)}


def test_warning_on_the_command_line_is_a_line_that_names_the_picture(cli, unet: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(tmp_path / "grain.png")
    options = ["--prior", unet, "--operator", BLUR, "--strength", "100", "--steps", "4", "--dtype", "float32"]
    for _ in range(2):  # and not only the first time
        status, out, err = cli("restore", tmp_path / "grain.png", "--overwrite", *options)
        assert status == 0 and out.count("\n") == 1
        assert (
            err.startswith(f"warning: {tmp_path / 'grain.png'}: the result leaves [0, 1] by far")
            and err.count("\n") == 1
        )


def test_warning_of_the_settings_comes_before_the_pictures(cli, tmp_path: Path) -> None:
    pytest.importorskip("dreamclean_starter")
    Image.new("RGB", (32, 32), (200, 90, 30)).save(tmp_path / "in.png")
    status, _, err = cli(
        "restore", tmp_path / "in.png", "--prior", "starter", "--preset", "paper", "--steps", "2", "--dtype", "float32"
    )
    assert status == 0
    assert err.startswith("warning: preset paper starts at nsr:1.2, starter recommends nsr:0.64 at most, ")
