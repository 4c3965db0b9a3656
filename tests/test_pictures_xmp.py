"""XMP data beside EXIF and colour profile."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from dreamclean import Picture
from dreamclean.method.restoration import carrying
from dreamclean.pictures.picture import save
from dreamclean.pictures.xmp import XMP_KEY
from dreamclean.recipe.recipe import Recipe

TURNED = b'<x:xmpmeta><rdf:Description xmp:Rating="4" tiff:Orientation="6"/>\xc3\xa4</x:xmpmeta>'
UPRIGHT = b'<x:xmpmeta><rdf:Description xmp:Rating="4"/>\xc3\xa4</x:xmpmeta>'


def with_xmp(photo: Image.Image, path: Path, packet: bytes) -> None:
    options: dict[str, Any] = {"xmp": packet}
    if path.suffix == ".png":
        options = {"pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_itxt(XMP_KEY, packet.decode())
    if path.suffix == ".tif":
        exif = Image.Exif()
        exif[700] = packet
        options = {"exif": exif}
    photo.save(path, **options)


def xmp_in(path: Path) -> bytes | None:
    with Image.open(path) as image:
        found = image.info.get("xmp")
    return found if found is None or isinstance(found, bytes) else bytes(found)


@pytest.mark.parametrize("source", ["png", "jpg", "webp", "tif"])
def test_xmp_of_every_kind_of_file_is_kept_without_the_orientation(
    source: str, photo: Image.Image, tmp_path: Path
) -> None:
    with_xmp(photo, tmp_path / f"in.{source}", TURNED)
    picture = Picture.open(tmp_path / f"in.{source}")
    assert picture.xmp and picture.xmp.replace(b" />", b"/>") == UPRIGHT  # Pillow turns a TIFF itself
    for target in ("png", "jpg", "webp", "tif"):
        save(picture.with_pixels(picture.pixels), tmp_path / f"out.{target}", "{}")
        assert xmp_in(tmp_path / f"out.{target}") == picture.xmp, target
    carrying(picture.with_pixels(picture.pixels), Recipe()).save(tmp_path / "by-pillow.png")
    assert xmp_in(tmp_path / "by-pillow.png") == picture.xmp


def test_xmp_as_elements_loses_its_orientation_too(photo: Image.Image, tmp_path: Path) -> None:
    with_xmp(photo, tmp_path / "in.webp", b"<x><tiff:Orientation>6</tiff:Orientation><a/></x>")
    assert Picture.open(tmp_path / "in.webp").xmp == b"<x><a/></x>"


def test_xmp_that_is_no_text_is_left_out(photo: Image.Image, tmp_path: Path) -> None:
    with_xmp(photo, tmp_path / "in.webp", b"\xff\xfe\x00")
    assert Picture.open(tmp_path / "in.webp").xmp is None


def test_save_leaves_out_xmp_that_is_too_long_for_a_jpeg_and_says_so(
    photo: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    exif = Image.Exif()
    exif[271] = "Maker"
    image = photo.copy()
    image.info |= {"xmp": b"x" * 70_000, "exif": exif.tobytes()}
    save(image, tmp_path / "out.jpg")
    assert xmp_in(tmp_path / "out.jpg") is None
    with Image.open(tmp_path / "out.jpg") as out:
        assert out.getexif()[271] == "Maker"
    assert "out.jpg is written without its XMP data (XMP data is too long)" in caplog.text
    save(image, tmp_path / "out.png")
    assert xmp_in(tmp_path / "out.png") == b"x" * 70_000
