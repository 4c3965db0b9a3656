"""16-bit pictures in colour or with alpha, and floating-point TIFF files."""

import io
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dreamclean import DreamCleanError, Picture, Plan, Planner, Restorer
from dreamclean.pictures.deep import DeepImage
from dreamclean.pictures.picture import embedded_recipe, save

LEVELS = np.arange(65536, dtype=np.uint16).reshape(256, 256)


def every_level(channels: int) -> np.ndarray:
    """All 65,536 levels in each channel, in another order in each."""
    return np.stack([np.roll(LEVELS, 7 * k, 1) for k in range(channels)], -1)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(samples: np.ndarray, *chunks: bytes) -> bytes:
    """A PNG without filters."""
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def differences(block: np.ndarray, predictor: int, order: str) -> bytes:
    """The bytes (H, W, C) of a block, as TIFF's predictor 2 (horizontal) or 3 (floating point) has them."""
    height, _, channels = block.shape
    size = block.itemsize
    if predictor == 1:
        return block.astype(f"{order}{block.dtype.kind}{size}").tobytes()
    if predictor == 2:
        whole = block.view(f"u{size}")
        return np.diff(whole, axis=1, prepend=whole[:, :1] * 0).astype(f"{order}u{size}").tobytes()
    bytes_ = np.ascontiguousarray(block.astype(f">f{size}").reshape(height, -1)).view(np.uint8)
    planes = bytes_.reshape(height, -1, size).transpose(0, 2, 1).reshape(height, -1, channels)
    return np.diff(planes, axis=1, prepend=planes[:, :1] * 0).tobytes()


def tiff(
    samples: np.ndarray,
    order: str = "<",
    deflate: bool = False,
    predictor: int = 1,
    tile: int = 0,
    extra: int | None = None,
    orientation: int = 1,
    planar: bool = False,
    xmp: bytes = b"",
) -> bytes:
    """A TIFF in two strips or in tiles; ``planar``: with a plane for each channel."""
    height, width, channels = samples.shape
    if tile:
        padded = np.pad(samples, ((0, -height % tile), (0, -width % tile), (0, 0)), "edge")
        corners = [(top, left) for top in range(0, height, tile) for left in range(0, width, tile)]
        blocks = [padded[top : top + tile, left : left + tile] for top, left in corners]
    else:
        rows = -(-height // 2)
        blocks = [samples[:rows], samples[rows:]]
    blocks = [block[..., k : k + 1] for k in range(channels) for block in blocks] if planar else blocks
    stored = [differences(np.ascontiguousarray(block), predictor, order) for block in blocks]
    stored = [zlib.compress(block) for block in stored] if deflate else stored
    places = np.cumsum([8, *map(len, stored)])
    body = b"".join(stored)
    body += bytes(len(body) % 2)
    form = 3 if samples.dtype.kind == "f" else 1
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [8 * samples.itemsize] * channels),
        259: ("H", [8 if deflate else 1]),
        262: ("H", [2 if channels > 2 else 1]),
        274: ("H", [orientation]),
        277: ("H", [channels]),
        284: ("H", [2 if planar else 1]),
        317: ("H", [predictor]),
        339: ("H", [form] * channels),
    }
    tags |= {324 if tile else 273: ("I", list(places[:-1])), 325 if tile else 279: ("I", list(map(len, stored)))}
    tags |= {322: ("I", [tile]), 323: ("I", [tile])} if tile else {278: ("I", [-(-height // 2)])}
    tags |= {338: ("H", [extra])} if extra is not None else {}
    tags |= {700: ("B", list(xmp))} if xmp else {}
    entries, more, end = b"", b"", 8 + len(body) + 6 + 12 * len(tags)
    for tag, (kind, values) in sorted(tags.items()):
        data = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(data) > 4:
            data, more = struct.pack(f"{order}I", end + len(more)), more + data + bytes(len(data) % 2)
        entries += struct.pack(f"{order}HHI", tag, {"B": 1, "H": 3, "I": 4}[kind], len(values)) + data.ljust(4, b"\0")
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(body))
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + more


def samples_in(path: Path) -> np.ndarray:
    """The 16 bits of a file, as a picture's pixels and alpha have them."""
    picture = Picture.open(path)
    assert picture.sixteen_bit
    image = picture.with_pixels(picture.pixels)
    assert isinstance(image, DeepImage) and image.samples is not None
    return image.samples


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_picture_of_a_16_bit_png_keeps_all_65536_levels(channels: int, tmp_path: Path) -> None:
    samples = every_level(channels)
    (tmp_path / "in.png").write_bytes(png(samples))
    assert np.array_equal(samples_in(tmp_path / "in.png"), samples)
    picture = Picture.open(tmp_path / "in.png")
    assert float(picture.pixels[0, -1, 0, 1]) == pytest.approx(samples[0, 1, 0 if channels == 2 else 2] / 65535)
    for name in ("out.png", "out.tif"):
        save(picture.with_pixels(picture.pixels), tmp_path / name, "{}")
        assert np.array_equal(samples_in(tmp_path / name), samples)
    assert embedded_recipe(tmp_path / "out.png") == "{}"


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tile", [0, 64, 240])
@pytest.mark.parametrize(("deflate", "predictor"), [(False, 1), (True, 1), (True, 2)])
def test_picture_of_a_16_bit_tiff_keeps_all_65536_levels(
    deflate: bool, predictor: int, tile: int, order: str, planar: bool, tmp_path: Path
) -> None:
    for channels in (2, 3, 4):
        samples = every_level(channels)
        data = tiff(samples, order, deflate, predictor, tile, 2 if channels != 3 else None, planar=planar)
        (tmp_path / "in.tif").write_bytes(data)
        assert np.array_equal(samples_in(tmp_path / "in.tif"), samples)


class Leave(Planner):
    """Leaves every picture as it is."""

    name = "leave"

    def __call__(self, image: Any, info: Any, prior: Any, model: Any) -> Plan:
        return Plan(recipe=None)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_restorer_returns_a_clean_16_bit_picture_bit_for_bit(ending: str, unet: str, tmp_path: Path) -> None:
    samples = every_level(4)
    data = png(samples) if ending == "png" else tiff(samples, deflate=True, predictor=2, extra=2)
    (tmp_path / f"in.{ending}").write_bytes(data)
    result = Restorer(unet, planner=Leave(), device="cpu", dtype="float32")(tmp_path / f"in.{ending}")
    result.save(tmp_path / "out.png")
    assert isinstance(result.image, DeepImage) and result.nfe == 0
    assert np.array_equal(samples_in(tmp_path / "out.png"), samples)
    result.image.save(tmp_path / "by-pillow.png")
    assert np.array_equal(samples_in(tmp_path / "by-pillow.png"), samples)
    assert '"prior"' in embedded_recipe(tmp_path / "by-pillow.png") == embedded_recipe(tmp_path / "out.png")


def test_restore_writes_a_16_bit_picture_at_16_bits(cli: Any, unet: str, tmp_path: Path) -> None:
    samples = np.full((40, 48, 3), 30001, np.uint16)
    (tmp_path / "in.png").write_bytes(png(samples))
    options = ("--prior", unet, "--strength", "2", "--steps", "1", "--corrector", "none", "--device", "cpu")
    assert cli("restore", tmp_path / "in.png", *options).status == 0
    found = samples_in(tmp_path / "in-restored.png")
    assert found.shape == samples.shape and len(np.unique(found)) > 256
    assert np.abs(found.astype(int) - samples).max() < 2000


def test_picture_of_a_16_bit_png_takes_its_transparent_colour_for_alpha(tmp_path: Path) -> None:
    samples = every_level(3)
    key = samples[3, 5]
    (tmp_path / "in.png").write_bytes(png(samples, chunk(b"tRNS", struct.pack(">HHH", *key))))
    found = samples_in(tmp_path / "in.png")
    assert np.array_equal(found[..., :3], samples)
    assert found[3, 5, 3] == 0 and (found[..., 3] == 65535).sum() == 65535


def test_picture_of_a_16_bit_grey_png_takes_its_transparent_tone_for_alpha(tmp_path: Path) -> None:
    values = every_level(3)[..., 0]
    Image.fromarray(values).save(tmp_path / "in.png", transparency=int(values[3, 5]))
    picture = Picture.open(tmp_path / "in.png")
    assert picture.alpha is not None and picture.grey and picture.sixteen_bit
    alpha = np.asarray(picture.alpha)
    assert np.array_equal(alpha == 0, values == values[3, 5]) and set(np.unique(alpha)) == {0, 65535}
    assert np.array_equal(samples_in(tmp_path / "in.png")[..., 0], values)


def test_picture_of_a_16_bit_tiff_undoes_premultiplied_alpha_and_drops_padding(tmp_path: Path) -> None:
    alpha = np.full((8, 8, 1), 32768, np.uint16)
    samples = np.full((8, 8, 3), 40000, np.uint16)
    stored = np.concatenate([samples // 2, alpha], -1)
    (tmp_path / "in.tif").write_bytes(tiff(stored, extra=1))
    found = samples_in(tmp_path / "in.tif")
    assert np.abs(found[..., :3].astype(int) - 40000).max() <= 2 and np.array_equal(found[..., 3:], alpha)
    (tmp_path / "in.tif").write_bytes(tiff(stored, extra=0))
    assert np.array_equal(samples_in(tmp_path / "in.tif"), stored[..., :3])


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_picture_of_16_bits_stands_upright_as_one_of_8_bits_does(
    orientation: int, planar: bool, tmp_path: Path
) -> None:
    samples = np.arange(6 * 4 * 3, dtype=np.uint16).reshape(6, 4, 3) * 257
    (tmp_path / "in.tif").write_bytes(tiff(samples, orientation=orientation, planar=planar))
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray((samples // 257).astype(np.uint8)).save(tmp_path / "eight.png", exif=exif)
    deep, eight = Picture.open(tmp_path / "in.tif"), Picture.open(tmp_path / "eight.png")
    assert deep.pixels.shape == eight.pixels.shape and bool((deep.pixels - eight.pixels).abs().max() < 1e-6)


@pytest.mark.parametrize(("orientation", "said"), [(1, 6), (6, 6), (3, 3)])
def test_picture_of_a_16_bit_tiff_is_turned_once_where_its_xmp_says_an_orientation_too(
    orientation: int, said: int, tmp_path: Path
) -> None:
    samples = np.arange(6 * 4 * 3, dtype=np.uint16).reshape(6, 4, 3) * 257
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="{said}"/></x:xmpmeta>'.encode()
    plain, tagged = tmp_path / "plain.tif", tmp_path / "tagged.tif"
    plain.write_bytes(tiff(samples, orientation=orientation))
    tagged.write_bytes(tiff(samples, orientation=orientation, xmp=xmp))
    assert Picture.open(tagged).xmp is not None
    assert np.array_equal(samples_in(tagged), samples_in(plain))


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("deflate", "predictor", "tile"), [(False, 1, 0), (True, 1, 0), (True, 2, 20), (True, 3, 0), (True, 3, 20)]
)
def test_picture_of_a_float_tiff_is_its_values(
    deflate: bool, predictor: int, tile: int, order: str, planar: bool, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).random((33, 48, 3), np.float32)
    (tmp_path / "in.tif").write_bytes(tiff(values, order, deflate, predictor, tile, planar=planar))
    picture = Picture.open(tmp_path / "in.tif")
    assert np.array_equal(picture.pixels[0].permute(1, 2, 0).numpy(), values)
    assert np.array_equal(samples_in(tmp_path / "in.tif"), (values * 65535).round().astype(np.uint16))


@pytest.mark.parametrize(("brightest", "white"), [(1.0, 1), (7.5, 1), (200.0, 255), (60000.0, 65535)])
def test_picture_of_a_float_tiff_tells_its_white_by_its_brightest_pixel(
    brightest: float, white: int, tmp_path: Path
) -> None:
    values = np.full((8, 8, 3), -0.5, np.float32)
    values[0, 0], values[0, 1] = brightest, white / 2
    (tmp_path / "in.tif").write_bytes(tiff(values))
    pixels = Picture.open(tmp_path / "in.tif").pixels[0, 0]
    assert float(pixels[0, 0]) == pytest.approx(min(brightest / white, 1))
    assert float(pixels[0, 1]) == 0.5 and float(pixels[1].max()) == 0


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_picture_refuses_a_float_tiff_with_values_that_are_no_numbers(wrong: float, tmp_path: Path) -> None:
    values = np.zeros((8, 8, 3), np.float32)
    values[3, 3, 1] = wrong
    (tmp_path / "in.tif").write_bytes(tiff(values))
    with pytest.raises(DreamCleanError, match=r"in\.tif cannot be read .*values are not finite numbers; replace them"):
        Picture.open(tmp_path / "in.tif")


@pytest.mark.parametrize("planar", [False, True])
def test_picture_of_16_bits_is_limited_by_its_own_size(planar: bool, tmp_path: Path) -> None:
    """Not by that of the grey picture, three times as wide, that it is read as."""
    (tmp_path / "in.tif").write_bytes(tiff(every_level(3), planar=planar))
    assert Picture.open(tmp_path / "in.tif", 0.066).pixels.shape == (1, 3, 256, 256)
    with pytest.raises(DreamCleanError, match=r"0.06554 megapixels, more than the 0.065 megapixels"):
        Picture.open(tmp_path / "in.tif", 0.065)


def test_save_of_16_bits_is_not_limited_by_the_width_of_a_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A TIFF is written as a grey picture three times as wide, which may be over Pillow's limit."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 256 * 256)
    save(DeepImage(every_level(3)), tmp_path / "out.tif")
    assert np.array_equal(samples_in(tmp_path / "out.tif"), every_level(3))


def test_deep_image_is_an_8_bit_image_to_others(tmp_path: Path) -> None:
    image = DeepImage(every_level(3))
    assert image.mode == "RGB" and image.size == (256, 256)
    assert np.array_equal(np.asarray(image), (every_level(3) / 257).round().astype(np.uint8))
    image.save(tmp_path / "out.jpg", quality=95)
    file = io.BytesIO()
    image.save(file, "PNG")
    (tmp_path / "out.png").write_bytes(file.getvalue())
    assert np.array_equal(samples_in(tmp_path / "out.png"), every_level(3))
    with Image.open(tmp_path / "out.jpg") as jpeg:
        assert jpeg.mode == "RGB"
    again = pickle.loads(pickle.dumps(image))
    assert np.array_equal(again.samples, image.samples) and again.tobytes() == image.tobytes()
    again.thumbnail((64, 64))  # Pillow's own, in place
    again.save(tmp_path / "small.png")
    with Image.open(tmp_path / "small.png") as small:
        assert small.size == (64, 64)
    assert np.array_equal(Picture.from_pil(image).pixels, Picture.open(tmp_path / "out.png").pixels)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_save_of_16_bits_keeps_the_metadata(ending: str, tmp_path: Path) -> None:
    from PIL import ImageCms

    image = DeepImage(every_level(3))
    exif = Image.Exif()
    exif[271] = "Maker"
    image.info |= {
        "exif": exif.tobytes(),
        "xmp": b"<x:xmpmeta/>",
        "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    }
    save(image, tmp_path / f"out.{ending}")
    picture = Picture.open(tmp_path / f"out.{ending}")
    assert picture.icc_profile == image.info["icc_profile"] and picture.xmp == b"<x:xmpmeta/>"
    assert picture.exif and b"Maker" in picture.exif
    assert np.array_equal(samples_in(tmp_path / f"out.{ending}"), every_level(3))
