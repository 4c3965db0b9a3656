"""Pictures that no network is asked about: very small, flat, of two tones, transparent."""

from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from dreamclean import DDPMSchedule, Level, Model, Picture, Prior, Restorer
from dreamclean.builtin.planners.diagnosis.exempt import exempt, noiseless
from dreamclean.cli.jobs import Job
from dreamclean.cli.restored import restored, said

NOISE = Image.effect_noise((48, 40), 90)
DRAWING = Image.new("RGB", (128, 128), (250, 240, 220))
ImageDraw.Draw(DRAWING).ellipse((20, 30, 90, 100), (200, 30, 40), outline=(10, 10, 10))

PICTURES = {
    "1 x 1": (Image.new("RGB", (1, 1), (9, 99, 199)), "too small"),
    "3 x 3": (NOISE.resize((3, 3)).convert("RGB"), "too small"),
    "1 x 900": (NOISE.resize((1, 900)).convert("RGB"), "too small"),
    "black": (Image.new("RGB", (64, 48)), "flat"),
    "one colour with a shape in its alpha": (Image.merge("LA", [Image.new("L", NOISE.size, 7), NOISE]), "flat"),
    "16-bit grey": (Image.new("I;16", (40, 40), 300), "flat"),
    "transparent": (Image.merge("LA", [NOISE, Image.new("L", NOISE.size)]), "transparent"),
    "1-bit": (NOISE.convert("1"), "one-bit"),
    "a drawing": (DRAWING, "clean"),
    "two colours": (NOISE.convert("1").convert("P"), "one-bit"),
}


class NotAsked(Prior):
    """Fails when asked."""

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        return Model(DDPMSchedule.linear(), self.predict)

    def predict(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        raise AssertionError("the network was asked")


@pytest.mark.parametrize("name", PICTURES)
def test_exempt_pictures_come_back_and_that_is_said(name: str, tmp_path: Path) -> None:
    image, family = PICTURES[name]
    image.save(tmp_path / "in.png")
    restorer = Restorer(NotAsked(), device="cpu")
    found = restorer.plan(tmp_path / "in.png").report
    assert found.words() == f"{family}, better left as it is"
    job = Job(tmp_path / "in.png", tmp_path / "out.png")
    result = restored(restorer, job)
    assert said(result).startswith(f"{family}, left as it is; 0 evaluations")
    with Image.open(job.target) as out:
        assert out.convert("RGBA").tobytes() == image.convert("RGBA").tobytes() or image.mode == "I;16"
        assert out.size == image.size and (image.mode != "I;16" or out.getpixel((9, 9)) == 300)


def test_exempt_is_not_what_may_be_damaged() -> None:
    few = torch.tensor([0.0, 0.5, 1.0])[torch.randint(3, (1, 3, 40, 48), generator=torch.Generator().manual_seed(0))]
    assert exempt(few) is None
    assert exempt(few.round()) == "one-bit"
    assert exempt(few[..., :31, :]) == "too small"
    one = torch.zeros(1, 3, 40, 48)
    one[0, 1, 39, 47] = 0.5
    assert exempt(one) == "one-bit"
    one[0, 1, 39, 46] = 0.2
    assert exempt(one) is None


def test_exempt_of_a_flat_picture_takes_no_memory() -> None:
    pixels = Picture.from_pil(Image.new("L", (5000, 4000), 51)).pixels
    assert pixels.shape == (1, 3, 4000, 5000) and pixels.untyped_storage().nbytes() < 100
    assert pixels[0, :, 17, 18].tolist() == pytest.approx([0.2] * 3)


def test_noiseless_is_not_a_drawing_with_noise_or_a_gradient() -> None:
    """A step of the gradient is a pixel and a half wide."""
    clean = Picture.from_pil(DRAWING).pixels
    noisy = clean + 2 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    gradient = (torch.linspace(0.2, 0.8, 230)[None, None, None] * 255).round().expand(1, 3, 64, 230) / 255
    assert noiseless(clean) and not noiseless((noisy * 255).round() / 255) and not noiseless(gradient)


def test_noiseless_leaves_black_and_white_aside() -> None:
    night = torch.zeros(1, 3, 64, 64)
    night[..., :20, :20] = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    assert not noiseless(night) and not noiseless(torch.ones(1, 3, 64, 64))
