"""What is too much: pixels, steps, devices that are none, thin pictures."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from dreamclean import (
    DDPMSchedule,
    DreamCleanError,
    FlowSchedule,
    Inpaint,
    Picture,
    Restorer,
    Uniform,
    VESchedule,
    read_recipe,
)
from dreamclean.contracts.levels import MOST_STEPS
from dreamclean.method.device import pick_device
from dreamclean.method.marks import mask_of
from dreamclean.pictures import decoding, memory
from dreamclean.pictures.picture import save

FLAT = Image.new("1", (2000, 1500))


def test_limit_refuses_a_larger_picture_and_can_be_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FLAT.save(tmp_path / "in.gif")
    monkeypatch.setattr(decoding, "megapixels_carried", lambda: 2.5)
    message = (
        "in.gif unpacks to 3 megapixels, more than the 2.5 megapixels that this machine's memory carries; scale it"
    )
    with pytest.raises(DreamCleanError, match=message):
        Restorer("starter", device="cpu")(tmp_path / "in.gif")
    with pytest.raises(DreamCleanError, match=r"more than the 2.9 megapixels of --max-megapixels; .*raise the limit"):
        Restorer("starter", device="cpu", max_megapixels=2.9).plan(tmp_path / "in.gif")
    found = Restorer("starter", device="cpu", max_megapixels=3)(tmp_path / "in.gif")
    assert found.image.size == FLAT.size and found.nfe == 0


def test_limit_that_was_raised_holds_for_masks_and_recipes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FLAT.convert("L").save(tmp_path / "in.png")
    mask = Image.new("1", FLAT.size)
    mask.paste(1, (0, 0, 9, 9))
    mask.save(tmp_path / "mask.png")
    monkeypatch.setattr(decoding, "megapixels_carried", lambda: 2.5)
    assert mask_of(tmp_path / "mask.png", "keep").sum() == 81
    assert Inpaint(mask=tmp_path / "mask.png").known(1500, 2000).sum() == 81
    save(FLAT, tmp_path / "out.png", '{"seed": 3}')
    assert read_recipe(tmp_path / "out.png").seed == 3
    with pytest.raises(DreamCleanError, match="megapixels"):
        Picture.open(tmp_path / "out.png")


def test_limit_may_be_above_pillows_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FLAT.save(tmp_path / "in.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    assert Picture.open(tmp_path / "in.png", 4).pixels.shape == (1, 3, 1500, 2000)
    assert Image.MAX_IMAGE_PIXELS == 1_000_000
    Picture.open(tmp_path / "in.png", float("inf"))


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_limit_that_lets_nothing_through(limit: float) -> None:
    with pytest.raises(DreamCleanError, match=r"max_megapixels .* lets no picture through; give more than 0"):
        Restorer("starter", device="cpu", max_megapixels=limit)


def test_memory_is_the_machines_or_its_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("400000000\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(memory, "_LIMITS", (str(tmp_path / "none"), str(tmp_path / "nowhere")))
    assert memory.memory() > 400_000_000  # the machine's own
    monkeypatch.setattr(memory, "_LIMITS", (str(tmp_path / "none"), str(tmp_path / "limit")))
    assert memory.memory() == 400_000_000
    assert memory.megapixels_carried() == pytest.approx(200 / memory.BYTES_A_PIXEL, abs=0.1)


@pytest.mark.parametrize(
    ("schedule", "strength", "fit"),
    [
        (DDPMSchedule.linear(), 20, 20),
        (VESchedule(), "nsr:0.4", MOST_STEPS),
        (FlowSchedule(), "nsr:0.4", MOST_STEPS),
    ],
)
def test_steps_are_bounded_by_the_schedule(schedule: Any, strength: Any, fit: int) -> None:
    for steps in (fit + 1, 999_999_999_999_999_999_999):
        with pytest.raises(DreamCleanError, match=f"{steps} steps do not fit between the timesteps .* fewer steps"):
            schedule.ladder(strength, steps, Uniform())
    assert len(schedule.ladder(strength, fit, Uniform())) == fit + 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["hpu", "privateuseone", "meta", "xla", "mkldnn", "abacus", "", "cpu:-1"])
def test_pick_device_refuses_what_cannot_be_used_in_one_line(name: str) -> None:
    with pytest.raises(
        DreamCleanError, match=f"^device '{name}' cannot be used .*; say auto, cpu, cuda or mps$"
    ) as error:
        pick_device(name)
    assert "\n" not in str(error.value) and len(str(error.value)) < 250


def test_restorer_pads_a_thin_picture_only_where_a_strength_is_given(
    unet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    thin = torch.rand(1, 3, 1, 6000)
    assert Restorer(unet, device="cpu", dtype="float32", planner="auto")(thin).nfe == 0
    restorer = Restorer(
        unet, device="cpu", dtype="float32", strength=2, steps=1, corrector="none", sampler="ddim", tile=256
    )
    seen: list[int] = []
    from diffusers import UNet2DModel

    forward = UNet2DModel.forward

    def counted(self: Any, x: torch.Tensor, *rest: Any, **options: Any) -> Any:
        seen.append(x[:, :1].numel())
        return forward(self, x, *rest, **options)

    monkeypatch.setattr(UNet2DModel, "forward", counted)
    result = restorer(thin)
    assert sum(seen) / result.nfe < 1.6 * restorer.model.geometry.multiple * thin[:, :1].numel()
