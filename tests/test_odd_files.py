"""Odd files of honest people: profiles too large for Pillow, EXIF of the wrong type, YCbCr, frames, HEIC and RAW."""

import io
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from dreamclean import DreamCleanError, Picture
from dreamclean.cli.walk import pictures_in
from dreamclean.pictures.picture import save

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ORIENTATION, MAKE = 274, 271


def same(path: Path, photo: Image.Image) -> bool:
    """Whether the file looks like the photo, as it is stored."""
    picture = Picture.open(path)
    image = picture.with_pixels(picture.pixels)
    return image.size == photo.size and float(np.abs(np.asarray(image, float) - np.asarray(photo, float)).mean()) < 5


def test_save_leaves_out_a_profile_too_large_for_pillow_and_says_so(
    photo: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photo.save(tmp_path / "in.jpg", icc_profile=SRGB + random.Random(0).randbytes(3_000_000))
    picture = Picture.open(tmp_path / "in.jpg")
    save(picture.with_pixels(picture.pixels), tmp_path / "out.png", "{}")
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'out.png'} is written without its own colour profile, in sRGB "
        "(Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK)"
    ]
    with Image.open(tmp_path / "out.png") as image:
        assert len(image.info["icc_profile"]) < 5000 and image.size == photo.size and image.text == {"dreamclean": "{}"}
        assert np.abs(np.asarray(image, float) - np.asarray(photo, float)).mean() < 5
    save(picture.with_pixels(picture.pixels), tmp_path / "out.tif")  # a TIFF takes it
    with Image.open(tmp_path / "out.tif") as image:
        assert len(image.info["icc_profile"]) > 3_000_000
    assert len(caplog.records) == 1


def test_save_leaves_out_what_cannot_be_applied(
    photo: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photo = photo.copy()
    photo.info["icc_profile"] = SRGB[:20] + random.Random(0).randbytes(3_000_000)
    exif = Image.Exif()
    exif[MAKE] = "x" * 70_000
    photo.info["exif"] = exif.tobytes()
    save(photo, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert "icc_profile" not in image.info and len(image.getexif()[MAKE]) == 70_000
    save(photo, tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert len(image.info["icc_profile"]) > 3_000_000 and not image.getexif()
    png, jpg = (record.getMessage() for record in caplog.records)
    assert "out.png is written without its colour profile (Decompressed data too large" in png
    assert "out.jpg is written without its EXIF data (EXIF data is too long)" in jpg


def test_save_applies_the_profile_that_it_leaves_out(photo: Image.Image, tmp_path: Path) -> None:
    """A picture in another colour space is written as it looks: red and blue change places here."""
    profile = bytearray(SRGB)
    count = struct.unpack(">I", profile[128:132])[0]
    places = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, blue = places[b"rXYZ"], places[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    image = photo.copy()
    image.putalpha(200)
    image.info["icc_profile"] = bytes(profile) + random.Random(0).randbytes(3_000_000)
    save(image, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as out:
        assert out.mode == "RGBA" and out.getchannel("A").getextrema() == (200, 200)
        swapped = Image.merge("RGB", photo.split()[::-1])
        assert np.abs(np.asarray(out.convert("RGB"), float) - np.asarray(swapped, float)).mean() < 6


def exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    body = b"".join(struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [1, 2, 5, 7, 10, 11, 12])
def test_picture_with_an_orientation_of_the_wrong_type_is_not_turned(
    kind: int, photo: Image.Image, tmp_path: Path
) -> None:
    photo.save(tmp_path / "in.jpg", exif=exif((MAKE, 2, 4, b"Leo\0"), (ORIENTATION, kind, 1, b"\6\0\0\0")), quality=95)
    assert same(tmp_path / "in.jpg", photo)
    kept = Image.Exif()
    kept.load(Picture.open(tmp_path / "in.jpg").exif or b"")
    assert dict(kept) == {MAKE: "Leo"}


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_picture_of_a_ycbcr_tiff(compression: str | None, photo: Image.Image, tmp_path: Path) -> None:
    photo.convert("YCbCr").save(tmp_path / "in.tif", compression=compression)
    assert same(tmp_path / "in.tif", photo)


def test_decoded_makes_libtiffs_own_lines_a_part_of_its_own(photo: Image.Image, tmp_path: Path) -> None:
    file = io.BytesIO()
    photo.save(file, "TIFF", compression="tiff_lzw")
    (tmp_path / "in.tif").write_bytes(damaged(file.getvalue()))
    command = [sys.executable, "-m", "dreamclean", "degrade", "in.tif"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: in.tif cannot be read as a picture (decoder error -2; ")
    assert os.listdir(tmp_path) == ["in.tif"]


def damaged(data: bytes) -> bytes:
    """A TIFF whose compressed pixels are noise."""
    return data[:300] + random.Random(0).randbytes(200) + data[500:]


@pytest.mark.parametrize("ending", ["gif", "tif", "png", "webp"])
def test_restore_says_that_further_frames_are_dropped(
    ending: str, photo: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"in.{ending}"
    photo.save(path, save_all=True, append_images=[photo.rotate(180)])
    Picture.open(path)
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} holds several pictures; only the first is taken"
    ]
    photo.save(path)
    Picture.open(path)
    assert len(caplog.records) == 1


def test_restore_speaks_of_heic_and_raw_files_in_a_folder(
    photo: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dreamclean.pictures.raw.find_spec", lambda name: None)
    for name in ("a.HEIC", "b.cr2", "c.jxl", "d.dng", "notes.txt"):
        (tmp_path / name).write_bytes(b"II*\0")
    with pytest.raises(
        DreamCleanError,
        match=r"HEIC, JPEG XL and RAW files are not \(a.HEIC, b.cr2, c.jxl, ...\); pip install .* or make them PNG",
    ):
        pictures_in(tmp_path)
    photo.save(tmp_path / "photo.png")
    assert pictures_in(tmp_path) == [tmp_path / "photo.png"]
    assert capsys.readouterr().err == (
        "4 skipped, as HEIC, JPEG XL and RAW files are not read (a.HEIC, b.cr2, c.jxl, ...); "
        "pip install 'dreamclean[raw]', which reads RAW files, or make them PNG, TIFF or JPEG first\n"
    )


@pytest.mark.parametrize(("name", "kind"), [("a.nef", "a camera's RAW file"), ("b.heic", "HEIC")])
def test_picture_open_refuses_a_raw_file_with_a_preview(
    name: str, kind: str, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dreamclean.pictures.raw.find_spec", lambda name: None)
    data = io.BytesIO()
    photo.save(data, "TIFF" if name == "a.nef" else "PNG")
    (tmp_path / name).write_bytes(data.getvalue() if name == "a.nef" else bytes(100))
    with pytest.raises(
        DreamCleanError, match=f"{name} is {kind}, which is not read; .*make it a PNG, TIFF or JPEG first"
    ):
        Picture.open(tmp_path / name)
