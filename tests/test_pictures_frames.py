"""Animations and files of several pages, picture by picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dreamclean import DreamCleanError, Plan, Planner, Restorer
from dreamclean.pictures.frames import frames_of

DURATIONS = [40, 120, 260]
GENTLE: dict[str, Any] = {"strength": 2, "steps": 1, "corrector": "none", "device": "cpu", "dtype": "float32"}
ASKED: list[tuple[Any, ...]] = []


class Counting(Planner):
    """Leaves every picture as it is, and notes that it was asked."""

    name = "counting"

    def __call__(self, image: Any, info: Any, prior: Any, model: Any) -> Plan:
        ASKED.append(tuple(image.shape))
        return Plan(recipe=None)


class Reviewing(Planner):
    """Treats a picture, and thinks better of it."""

    name = "reviewing"

    def __call__(self, image: Any, info: Any, prior: Any, model: Any) -> Plan:
        ASKED.append(("plan",))
        return Plan({"strength": 300, "steps": 2, "corrector": "none"})

    def review(self, image: Any, plan: Plan, result: Any, model: Any) -> Plan:
        ASKED.append(("review",))
        return Plan(recipe=None)


def stills(photo: Image.Image) -> list[Image.Image]:
    return [photo.rotate(90 * k, expand=False) for k in range(3)]


def animation(photo: Image.Image, path: Path, loop: int = 0) -> None:
    first, *others = stills(photo)
    lossless = {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=others, duration=DURATIONS, loop=loop, **lossless)


def frames_in(path: Path) -> tuple[list[np.ndarray], list[float], int | None]:
    """Pixels and durations of all frames, and the number of loops."""
    with Image.open(path) as image:
        found, times = [], []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            found.append(np.asarray(image.convert("RGB"), float))
            times.append(image.info.get("duration", -1))
        return found, times, image.info.get("loop")


@pytest.mark.parametrize("target", ["png", "webp", "gif"])
@pytest.mark.parametrize("source", ["gif", "webp", "png"])
def test_restorer_restores_every_frame_of_an_animation(
    source: str, target: str, photo: Image.Image, unet: str, tmp_path: Path
) -> None:
    animation(photo, tmp_path / f"in.{source}", loop=3)
    result = Restorer(unet, **GENTLE)(tmp_path / f"in.{source}")
    assert len(result.frames) == 3 and result.frames[0] is result.image and result.nfe == 3 * 2
    result.save(tmp_path / f"out.{target}")
    found, times, loop = frames_in(tmp_path / f"out.{target}")
    assert (times, loop) == (DURATIONS, 3)
    for frame, given in zip(found, frames_in(tmp_path / f"in.{source}")[0], strict=True):
        assert np.abs(frame - given).mean() < 8


def test_restorer_restores_every_page_of_a_tiff(
    photo: Image.Image, unet: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pages = [photo, photo.rotate(180).resize((40, 30)).convert("L")]
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:])
    result = Restorer(unet, **GENTLE)(tmp_path / "in.tif")
    result.save(tmp_path / "out.tif")
    with Image.open(tmp_path / "out.tif") as image:
        for number, page in enumerate(pages):
            image.seek(number)
            assert (image.size, image.mode) == (page.size, page.mode)
            assert np.abs(np.asarray(image, float) - np.asarray(page, float)).mean() < 4
    assert not caplog.records
    result.save(tmp_path / "out.png")
    assert "out.png holds the first of 2 pictures; a TIFF (.tif) holds all pages" in caplog.text


def test_restorer_asks_a_planner_once_for_an_animation(photo: Image.Image, unet: str, tmp_path: Path) -> None:
    ASKED.clear()
    animation(photo, tmp_path / "in.png")
    result = Restorer(unet, planner=Counting(), device="cpu")(tmp_path / "in.png")
    assert len(ASKED) == 1 and len(result.frames) == 3
    result.save(tmp_path / "out.png")
    for frame, still in zip(frames_in(tmp_path / "out.png")[0], stills(photo), strict=True):
        assert np.array_equal(frame, np.asarray(still, float))


def test_restore_says_how_many_pictures_a_file_holds(cli: Any, photo: Image.Image, unet: str, tmp_path: Path) -> None:
    animation(photo, tmp_path / "in.gif")
    options = ("--prior", unet, "--strength", "2", "--steps", "1", "--corrector", "none", "--device", "cpu")
    done = cli("restore", tmp_path / "in.gif", *options, "--json")
    (line,) = done.out.splitlines()
    assert json.loads(line)["frames"] == 3 and len(frames_in(tmp_path / "in-restored.png")[0]) == 3
    photo.save(tmp_path / "page.tif", save_all=True, append_images=stills(photo)[1:])
    assert "3 pictures, " in cli("restore", tmp_path / "page.tif", *options).out
    assert len(frames_in(tmp_path / "page-restored.tif")[0]) == 3


def test_frames_of_a_file_of_one_picture_are_none(photo: Image.Image, tmp_path: Path) -> None:
    for name in ("in.png", "in.tif", "in.gif", "in.webp", "in.jpg"):
        photo.save(tmp_path / name)
        assert frames_of(tmp_path / name) == []


def test_frames_of_a_file_are_limited_together(tmp_path: Path) -> None:
    frames = [Image.new("L", (10, 10), 5 * k) for k in range(30)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:])
    assert len(frames_of(tmp_path / "in.gif", 0.00012)) == 30
    with pytest.raises(
        DreamCleanError, match=r"in\.gif cannot be read .*holds 30 pictures, more than 0.0025 megapixels"
    ):
        frames_of(tmp_path / "in.gif", 0.0001)


def test_frames_of_a_damaged_file_are_those_before_the_damage(
    photo: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    animation(photo, tmp_path / "in.png")
    data = (tmp_path / "in.png").read_bytes()
    (tmp_path / "in.png").write_bytes(data[: len(data) - 40])
    assert len(frames_of(tmp_path / "in.png")) == 2
    assert "in.png is damaged after picture 2 of 3" in caplog.text


def test_review_of_the_first_frame_holds_for_the_others(photo: Image.Image, unet: str, tmp_path: Path) -> None:
    ASKED.clear()
    animation(photo, tmp_path / "in.png")
    result = Restorer(unet, planner=Reviewing(), device="cpu")(tmp_path / "in.png")
    assert ASKED == [("plan",), ("review",)]
    for frame, still in zip(result.frames, stills(photo), strict=True):
        assert np.array_equal(np.asarray(frame), np.asarray(still))
