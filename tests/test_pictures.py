"""Pictures of every kind, through a restoration and back into a file."""

import io
import os
import random
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from dreamclean import DreamCleanError, Picture, Restorer
from dreamclean.pictures import decoding
from dreamclean.pictures.fitted import WRITTEN
from dreamclean.pictures.picture import check_target, is_picture, save

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
Transpose = Image.Transpose
Restore = Callable[[Path], Image.Image]


@pytest.fixture(scope="module")
def restore(unet: str) -> Restore:
    """Restores a picture file, so gently that it stays as it was, by way of a PNG file."""
    restorer = Restorer(unet, strength=2, steps=1, device="cpu", dtype="float32", corrector="none")

    def run(path: Path) -> Image.Image:
        result = restorer(path)
        target = path.with_name("restored.png")
        save(result.image, target, result.recipe.to_json())
        with Image.open(target) as image:
            image.load()
            return image

    return run


def difference(image: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference of the colours, in 8-bit steps; infinite for another size."""
    if image.size != other.size:
        return float("inf")
    return float(np.abs(np.asarray(image.convert("RGB"), float) - np.asarray(other.convert("RGB"), float)).mean())


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def ramp(size: tuple[int, int], top: int, dtype: type = np.uint16) -> np.ndarray:
    width, height = size
    return np.linspace(0, top, width * height).reshape(height, width).astype(dtype)


KINDS: dict[str, tuple[Callable[[Image.Image], Image.Image], str, dict[str, Any], str]] = {
    "grey": (lambda p: p.convert("L"), "png", {}, "L"),
    "1-bit": (lambda p: p.convert("1"), "png", {}, "L"),
    "1-bit with a transparent tone": (lambda p: p.convert("1"), "png", {"transparency": 0}, "LA"),
    "palette": (lambda p: p.quantize(16), "png", {}, "RGB"),
    "palette with a transparent colour": (lambda p: p.quantize(16), "png", {"transparency": 3}, "RGBA"),
    "palette with alpha": (lambda p: p.quantize(4), "png", {"transparency": bytes([0, 90, 180, 255])}, "RGBA"),
    "grey with alpha": (lambda p: Image.merge("LA", [*p.split()[:2]]), "png", {}, "LA"),
    "grey with a transparent tone": (lambda p: p.convert("L"), "png", {"transparency": 90}, "LA"),
    "colour with alpha": (lambda p: Image.merge("RGBA", [*p.split(), p.getchannel("R")]), "png", {}, "RGBA"),
    "colour with a transparent colour": (lambda p: p, "png", {"transparency": (0, 0, 200)}, "RGBA"),
    "colour JPEG": (lambda p: p, "jpg", {}, "RGB"),
    "CMYK": (lambda p: p.convert("CMYK"), "jpg", {"quality": 100}, "RGB"),
    "WebP with alpha": (
        lambda p: Image.merge("RGBA", [*p.split(), p.getchannel("G")]),
        "webp",
        {"lossless": True},
        "RGBA",
    ),
    "TIFF": (lambda p: p, "tif", {"compression": "tiff_lzw"}, "RGB"),
    "BMP": (lambda p: p, "bmp", {}, "RGB"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_picture_of_every_kind_comes_back(kind: str, restore: Restore, photo: Image.Image, tmp_path: Path) -> None:
    make, ending, options, mode = KINDS[kind]
    path = tmp_path / f"in.{ending}"
    make(photo).save(path, **options)
    given, image = opened(path).convert("RGBA"), restore(path)
    assert image.mode == mode
    assert difference(image, given) < 2
    if "A" in mode:
        alpha = given.getchannel("A")
        assert min(alpha.tobytes()) < 255
        assert image.getchannel("A").tobytes() == alpha.tobytes()


@pytest.mark.parametrize("colours", [False, True])
def test_picture_without_colour_stays_without_in_whatever_mode_it_is_stored(
    colours: bool, photo: Image.Image, tmp_path: Path
) -> None:
    (photo if colours else photo.convert("L").convert("RGB")).save(tmp_path / "in.png")
    picture = Picture.open(tmp_path / "in.png")
    tinted = picture.pixels * torch.tensor([1, 0.9, 0.8])[:, None, None]
    image = picture.with_pixels(tinted)
    red, green, _ = image.split()
    assert image.mode == "RGB"
    assert (red.tobytes() == green.tobytes()) is not colours
    if not colours:
        assert difference(image, Image.eval(opened(tmp_path / "in.png"), lambda v: v * 0.9)) < 1
        assert len({plane.tobytes() for plane in picture.with_pixels(tinted, keep_grey=False).split()}) == 3


@pytest.mark.parametrize("top", [65535, 200], ids=["full range", "nearly black"])
def test_picture_of_16_bit_grey_keeps_its_depth(top: int, restore: Restore, tmp_path: Path) -> None:
    values = ramp((33, 21), top)
    Image.fromarray(values).save(tmp_path / "in.png")
    image = restore(tmp_path / "in.png")
    assert image.mode == "I;16"
    assert np.abs(np.asarray(image, float) - values).max() < 400
    picture = Picture.open(tmp_path / "in.png")  # itself, to the last bit
    assert np.array_equal(np.asarray(picture.with_pixels(picture.pixels)), values)


@pytest.mark.parametrize(("white", "dtype"), [(1, "f4"), (255, "f4"), (65535, "f4"), (255, "i4"), (65535, "i4")])
def test_picture_of_32_bits_tells_its_white_by_its_brightest_pixel(white: int, dtype: str, tmp_path: Path) -> None:
    Image.fromarray((ramp((8, 4), white, np.float64) * 0.9).astype(dtype)).save(tmp_path / "in.tif")
    assert float(Picture.open(tmp_path / "in.tif").pixels.max()) == pytest.approx(0.9, rel=0.01)


def test_picture_of_16_bit_grey_becomes_an_8_bit_jpeg(tmp_path: Path) -> None:
    save(Image.fromarray(np.full((8, 8), 32896, np.uint16)), tmp_path / "out.jpg")
    assert opened(tmp_path / "out.jpg").getpixel((4, 4)) == 128


def cmyk_profile() -> bytes:
    """An ICC profile of a press with grey inks: L falls by a sixth with each of C, M and Y and by half with K."""
    corners = [[128 if k else 255 - 42 * (c + m + y), 128, 128] for c, m, y, k in np.ndindex(2, 2, 2, 2)]
    identity = struct.pack(">9i", *(np.eye(3).ravel() * 65536).astype(int))
    table = b"mft1" + bytes([0, 0, 0, 0, 4, 3, 2, 0]) + identity
    table += bytes(range(256)) * 4 + bytes(np.ravel(corners).tolist()) + bytes(range(256)) * 3
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(table))
    head = struct.pack(">I4sI4s4s4s12s4s", 144 + len(table), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"", b"acsp")
    head += bytes(28) + struct.pack(">3I", 0x0000F6D6, 0x00010000, 0x0000D32D)
    return head.ljust(128, b"\0") + tags + table


def test_picture_in_cmyk_is_converted_by_its_own_profile(restore: Restore, tmp_path: Path) -> None:
    cyan = Image.new("CMYK", (24, 16), (255, 0, 0, 0))
    cyan.save(tmp_path / "in.jpg", icc_profile=cmyk_profile(), quality=100)
    image = restore(tmp_path / "in.jpg")
    red, green, blue = np.asarray(image, float).mean((0, 1))
    assert abs(red - green) < 4 and abs(green - blue) < 4 and 190 < green < 220  # L = 83.5 %, not (0, 255, 255)
    assert image.info["icc_profile"][16:20] == b"RGB "


STORED = {  # what turns the upright picture into the one stored with an orientation
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
ORIENTATION, MAKE, EXIF_IFD, DATE = 274, 271, 0x8769, 36867


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[ORIENTATION], data[MAKE] = orientation, "Camera"
    data[EXIF_IFD] = {DATE: "1969:07:20 20:17:40"}
    return data.tobytes()


@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", STORED)
def test_picture_that_is_turned_stands_upright(
    orientation: int, ending: str, restore: Restore, photo: Image.Image, tmp_path: Path
) -> None:
    turn = STORED[orientation]
    stored = photo if turn is None else photo.transpose(turn)
    stored.save(tmp_path / f"in.{ending}", exif=exif(orientation))
    image = restore(tmp_path / f"in.{ending}")
    assert difference(image, photo) < 4
    data = image.getexif()
    assert data.get(ORIENTATION, 1) == 1
    assert data[MAKE] == "Camera"
    assert data.get_ifd(EXIF_IFD)[DATE] == "1969:07:20 20:17:40"


def test_picture_with_a_turned_alpha_stands_upright_too(restore: Restore, photo: Image.Image, tmp_path: Path) -> None:
    upright = Image.merge("RGBA", [*photo.split(), photo.getchannel("R")])
    upright.transpose(Transpose.ROTATE_90).save(tmp_path / "in.png", exif=exif(6))
    assert restore(tmp_path / "in.png").getchannel("A").tobytes() == upright.getchannel("A").tobytes()


def test_picture_given_by_pil_is_left_as_it_is(photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "in.jpg", exif=exif(6))
    image = opened(tmp_path / "in.jpg")
    Picture.from_pil(image)
    assert image.getexif()[ORIENTATION] == 6


@pytest.mark.filterwarnings("error")
def test_picture_with_a_damaged_exif_opens(restore: Restore, photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "in.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05")
    assert difference(restore(tmp_path / "in.jpg"), photo) < 4


def test_picture_does_not_take_a_tiffs_layout_from_exif(photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "in.tif", exif=exif(1))
    picture = Picture.open(tmp_path / "in.tif")
    save(picture.with_pixels(picture.pixels[:, :, :4, :5]), tmp_path / "out.tif")
    assert (opened(tmp_path / "out.tif").size, opened(tmp_path / "out.tif").mode) == ((5, 4), "RGB")
    layout = {256, 257, 258, 259, 273, 278, 279}
    data = Image.Exif()
    data.load(picture.exif or b"")
    assert not layout & set(data) and data[MAKE] == "Camera"


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
def test_picture_keeps_the_colour_profile(ending: str, restore: Restore, photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / f"in.{ending}", icc_profile=SRGB)
    assert restore(tmp_path / f"in.{ending}").info["icc_profile"] == SRGB


@pytest.mark.parametrize("ending", ["jpg", "tif", "webp"])
def test_picture_writes_profile_and_exif_to_other_formats(ending: str, photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "in.png", icc_profile=SRGB, exif=exif(1))
    picture = Picture.open(tmp_path / "in.png")
    save(picture.with_pixels(picture.pixels), tmp_path / f"out.{ending}", "{}")
    image = opened(tmp_path / f"out.{ending}")
    assert image.info["icc_profile"] == SRGB
    assert image.getexif()[MAKE] == "Camera"


def test_picture_in_colour_drops_a_grey_profile(photo: Image.Image, tmp_path: Path) -> None:
    grey_profile = bytes(16) + b"GRAY" + bytes(108)
    photo.convert("L").save(tmp_path / "in.png", icc_profile=grey_profile)
    picture = Picture.open(tmp_path / "in.png")
    assert picture.with_pixels(picture.pixels).info["icc_profile"] == grey_profile
    assert "icc_profile" not in picture.with_pixels(picture.pixels, keep_grey=False).info


@pytest.mark.parametrize("size", [(253, 181), (17, 400), (1, 1), (2, 1), (1, 9)])
def test_picture_of_any_size(size: tuple[int, int], restore: Restore, photo: Image.Image, tmp_path: Path) -> None:
    photo.resize(size).save(tmp_path / "in.png")
    assert difference(restore(tmp_path / "in.png"), photo.resize(size)) < 2


def test_picture_of_an_animation_is_the_first_frame(restore: Restore, photo: Image.Image, tmp_path: Path) -> None:
    frames = [photo.transpose(Transpose.ROTATE_180), Image.new("RGB", photo.size)]
    photo.save(tmp_path / "in.gif", save_all=True, append_images=frames)
    image = restore(tmp_path / "in.gif")
    assert getattr(image, "n_frames", 1) == 1
    assert difference(image, photo) < 6


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int) -> bytes:
    """A PNG of some hundred bytes that claims ``side`` x ``side`` pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


BAD: dict[str, tuple[Callable[[Image.Image], bytes], str]] = {
    "truncated.png": (lambda p: encoded(p, "PNG")[:-60], "cannot be read as a picture .*truncated"),
    "truncated.jpg": (lambda p: encoded(p, "JPEG")[:-60], "cannot be read as a picture .*truncated"),
    "truncated.gif": (lambda p: encoded(p, "GIF")[:-60], "cannot be read as a picture"),
    "truncated.webp": (lambda p: encoded(p, "WEBP")[:60], "cannot be read as a picture"),
    "truncated.tif": (lambda p: encoded(p, "TIFF")[:-60], "cannot be read as a picture"),
    "text.png": (lambda p: b"Dear diary,\n", "cannot be read as a picture"),
    "empty.png": (lambda p: b"", "cannot be read as a picture"),
    "postscript.png": (
        lambda p: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "cannot identify",
    ),
    "bomb.png": (
        lambda p: bomb(20000),
        r"unpacks to 400 megapixels, more than the 50 megapixels that this machine.s memory carries; .*--max-meg",
    ),
    "smaller-bomb.png": (lambda p: bomb(10000), "unpacks to 100 megapixels, more than the 50"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BAD)
def test_picture_refuses_what_is_no_picture_in_one_line(
    name: str, restore: Restore, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "megapixels_carried", lambda: 50.0)
    make, message = BAD[name]
    (tmp_path / name).write_bytes(make(photo))
    with pytest.raises(DreamCleanError, match=message) as error:
        restore(tmp_path / name)
    assert "\n" not in str(error.value) and name in str(error.value)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_picture_of_a_damaged_file_opens_or_is_an_error(kind: str, photo: Image.Image) -> None:
    """No other exception, whichever bytes are wrong."""
    options: dict[str, Any] = {} if kind == "GIF" else {"exif": exif(6), "icc_profile": SRGB}
    whole, chance = encoded(photo, kind, **options), random.Random(0)
    outcomes = set()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(0, 4)):
            data[chance.randrange(chance.choice([60, 200, len(data)]))] = chance.randrange(256)
        try:
            picture = Picture.open(io.BytesIO(data))  # type: ignore[arg-type]
            outcomes.add(picture.with_pixels(picture.pixels).mode in ("L", "RGB", "RGBA", "LA"))
        except DreamCleanError:
            outcomes.add(False)
    assert outcomes == {True, False}


def test_picture_of_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DreamCleanError, match="there is no file"):
        Picture.open(tmp_path / "nothing.png")


def test_is_picture_counts_only_what_can_be_read(tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG", "c.pdf", "d.eps", "e.txt", "f"):
        (tmp_path / name).touch()
    (tmp_path / "g.png").mkdir()
    assert sorted(p.name for p in tmp_path.iterdir() if is_picture(p)) == ["a.png", "b.JPG"]


def broken_replace(error: BaseException) -> Callable[..., None]:
    def replace(*_: object) -> None:
        raise error

    return replace


@pytest.mark.parametrize("old", [None, b"the old file"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "stop"])
def test_write_atomically_leaves_everything_when_the_move_fails(
    old: bytes | None, error: BaseException, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.png"
    if old is not None:
        target.write_bytes(old)
    monkeypatch.setattr(os, "replace", broken_replace(error))
    with pytest.raises(DreamCleanError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
        save(photo, target)
    if isinstance(error, OSError):
        assert str(caught.value) == f"{target} could not be written (No space left on device)"
    assert os.listdir(tmp_path) == ([] if old is None else ["out.png"])
    assert old is None or target.read_bytes() == old


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_write_atomically_leaves_everything_when_the_write_fails(photo: Image.Image, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"the old file")
    with files_at_most(50), pytest.raises(DreamCleanError, match="could not be written"):
        save(photo, target)
    assert os.listdir(tmp_path) == ["out.png"] and target.read_bytes() == b"the old file"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_write_atomically_gives_the_permissions_of_any_new_file(
    umask: int, mode: int, photo: Image.Image, tmp_path: Path
) -> None:
    before = os.umask(umask)
    try:
        save(photo, tmp_path / "out.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == mode


def on_white(image: Image.Image) -> np.ndarray:
    """What is seen, (H, W, 3) in [0, 1]."""
    picture = Picture.from_pil(image)
    alpha = np.ones(picture.pixels.shape[-2:]) if picture.alpha is None else np.asarray(picture.alpha) / 255
    return 1 + (picture.pixels[0].movedim(0, -1).numpy() - 1) * alpha[..., None]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("kind", sorted(WRITTEN))
def test_save_writes_every_mode_in_every_format(
    kind: str, mode: str, photo: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = photo.convert("RGB" if "RGB" in mode else "L")
    if "A" in mode:
        alpha = Image.new("L", photo.size, 255)
        alpha.paste(0, (0, 0, 12, 12))
        image.putalpha(alpha)
    elif mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    path = tmp_path / f"out{next(ending for ending, of in Image.registered_extensions().items() if of == kind)}"
    save(image, path)
    with Image.open(path) as out:
        assert out.size == photo.size
        assert ("holds no transparency" in caplog.text) == ("A" in mode and not out.has_transparency_data)
        assert np.abs(on_white(out) - on_white(image)).mean() < 0.03


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.psd"])
def test_picture_refuses_an_ending_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(DreamCleanError, match="give it an ending such as"):
        check_target(tmp_path / name, overwrite=False)
