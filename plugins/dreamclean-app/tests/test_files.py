"""Names, folders and blends."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from dreamclean_app.blend import BLEND_KEY, blended
from dreamclean_app.limits import Limits
from dreamclean_app.names import apart, plain
from dreamclean_app.pictures import opened, shown_small
from dreamclean_app.scratch import Scratch
from PIL import Image, ImageCms

from dreamclean import DreamCleanError
from dreamclean.pictures import decoding
from dreamclean.pictures.picture import embedded_recipe, save


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("holiday.jpg", "holiday"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot"),
        ("<script>alert(1)</script>.png", "script"),
        ("a<b>&\"'.png", "a_b"),
        ("Ärger im Büro 3.tif", "Ärger im Büro 3"),
        ("", "picture"),
        ("...", "picture"),
        ("x" * 300 + ".png", "x" * 60),
        ("line\nbreak\x00.png", "line_break"),
    ],
)
def test_plain_names_are_safe_in_paths_and_pages(name: str, expected: str) -> None:
    assert plain(name) == expected


def test_apart_names_differ() -> None:
    assert apart(["a", "A", "b", "a"]) == ["a", "A-2", "b", "a-3"]


def test_scratch_removes_folders_that_are_not_used() -> None:
    scratch = Scratch(minutes=1)
    used, left, old = (scratch.folder(key) for key in ("used", "left", "old"))
    scratch._used["old"] = time.monotonic() - 61
    scratch._used["left"] = time.monotonic() - 59
    scratch.leave("left")
    scratch.sweep()
    assert used.exists() and left.exists() and not old.exists()
    scratch.close()
    assert not scratch.root.exists()


def test_scratch_keeps_a_folder_that_was_left_for_a_minute_only() -> None:
    scratch = Scratch(minutes=60)
    left = scratch.folder("left")
    scratch.leave("left")
    scratch.sweep()
    assert left.exists()
    scratch._used["left"] -= 61
    scratch.sweep()
    assert not left.exists()
    scratch.close()


@pytest.mark.parametrize("key", ["../../victim", "/tmp/victim", "", ".", "..", "a\0b", "x" * 5000, "\ud800"])
def test_scratch_stays_in_its_folder_whatever_a_request_calls_itself(key: str, tmp_path: Path) -> None:
    """The hash of a session is text from outside."""
    key = key.replace("/tmp", str(tmp_path))
    victim = tmp_path / "victim"
    victim.mkdir()
    scratch = Scratch(minutes=0)
    folder, other = scratch.folder(key), scratch.folder(f"{key}-")
    assert folder.parent == other.parent == scratch.root / "users" and folder != other
    scratch.sweep()
    assert not folder.exists() and victim.exists() and scratch.root.exists()
    scratch.close()


def test_scratch_removes_broken_off_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    scratch, now = Scratch(minutes=1), time.time()
    upload = scratch.served / "a/old.png"
    upload.parent.mkdir()
    upload.touch()
    os.utime(upload, (now - 10_000,) * 2)  # a copy of an older file, made now
    for later, there in ((100, True), (200, False)):
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        scratch.sweep()
        assert upload.exists() == there
    scratch.close()


def test_scratch_keeps_what_is_used() -> None:
    scratch = Scratch(minutes=1)
    folder = scratch.folder("a")
    scratch._used["a"] -= 61
    scratch.use("a")
    scratch.use("nobody")
    scratch.sweep()
    assert folder.exists() and "nobody" not in scratch._used
    scratch.close()


def test_opened_refuses_large_files_and_bombs_by_the_name_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret-folder.png"
    Image.new("1", (3000, 2000)).save(path)
    for limits, words in (Limits(megapixels=1), "megapixels"), (Limits(megabytes=1e-6), "MB"):
        with pytest.raises(DreamCleanError, match=words) as error:
            opened(path, "holiday.png", limits)
        assert "holiday.png" in str(error.value) and str(tmp_path) not in str(error.value)


def test_shown_small_shows_every_mode(tmp_path: Path) -> None:
    wide = Image.fromarray(np.full((20, 4000), 40000, np.uint16))
    with Image.open(shown_small(wide, tmp_path / "grey.webp")) as image:
        assert image.size == (1600, 8) and abs(image.convert("L").getpixel((5, 5)) - 156) < 3
    with Image.open(shown_small(Image.new("RGBA", (9, 9), (1, 2, 3, 128)), tmp_path / "alpha.webp")) as image:
        assert image.mode == "RGBA"


def test_shown_small_has_the_colours_of_its_profile(tmp_path: Path) -> None:
    wide = Image.new("RGB", (9, 9), (200, 30, 40))
    wide.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with Image.open(shown_small(wide, tmp_path / "wide.webp")) as image:
        assert image.info["icc_profile"] == wide.info["icc_profile"]
    wide = wide.convert("L")  # whose profile would be none of a picture in colour
    with Image.open(shown_small(wide, tmp_path / "grey.webp")) as image:
        assert not image.info.get("icc_profile")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A picture and a result of another colour, with a recipe."""
    original, restored = tmp_path / "original.png", tmp_path / "restored.png"
    Image.new("RGB", (12, 8), (200, 100, 0)).save(original)
    save(Image.new("RGB", (12, 8), (100, 200, 50)), restored, '{"seed": 3}')
    return original, restored


@pytest.mark.parametrize(("share", "expected"), [(0, (200, 100, 0)), (0.25, (175, 125, 12)), (0.5, (150, 150, 25))])
def test_blended_is_between_the_two_and_carries_the_recipe(pair, share, expected, tmp_path: Path) -> None:
    target = blended(*pair, share, tmp_path / "blend.png")
    with Image.open(target) as image:
        assert np.abs(np.subtract(image.getpixel((3, 3)), expected)).max() <= 1
        assert float(image.text[BLEND_KEY]) == share
    assert embedded_recipe(target) == '{"seed": 3}'


def test_blended_keeps_the_metadata(pair, tmp_path: Path) -> None:
    image = Image.new("RGB", (12, 8))
    exif = Image.Exif()
    exif[270] = "a description"
    image.info.update(xmp=b"<x:xmpmeta/>", exif=exif.tobytes())
    save(image, pair[1])
    with Image.open(blended(*pair, 0.5, tmp_path / "blend.png")) as made:
        assert made.info["xmp"] == b"<x:xmpmeta/>" and made.getexif()[270] == "a description"


def test_blended_takes_what_the_page_may_not_open(pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)  # of 96; the page has a limit of its own for painted layers
    monkeypatch.setattr(decoding, "megapixels_carried", lambda: 4e-5)  # and it may be told more than memory carries
    assert embedded_recipe(blended(*pair, 0.5, tmp_path / "blend.png")) == '{"seed": 3}'


def test_blended_with_all_of_the_result_is_its_file(pair, tmp_path: Path) -> None:
    assert blended(*pair, 1, tmp_path / "blend.png").read_bytes() == pair[1].read_bytes()


def test_blended_takes_an_original_of_another_size(pair, tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (200, 100, 0)).save(pair[0])
    with Image.open(blended(*pair, 0.5, tmp_path / "blend.png")) as image:
        assert image.size == (12, 8) and np.abs(np.subtract(image.getpixel((6, 4)), (150, 150, 25))).max() <= 1


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_blended_refuses_other_shares(pair, share: float, tmp_path: Path) -> None:
    with pytest.raises(DreamCleanError, match="from 0 to 1"):
        blended(*pair, share, tmp_path / "blend.png")
