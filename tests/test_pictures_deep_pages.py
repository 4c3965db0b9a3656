"""TIFF files of several pages, some of them with 16 bits in colour or with alpha, or with floating-point colours."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from dreamclean import DreamCleanError, Plan, Planner, Restorer
from dreamclean.pictures.deep import DeepImage
from dreamclean.pictures.frames import frames_of, holds_pages
from dreamclean.pictures.picture import Picture, save

LEVELS = np.arange(65536, dtype=np.uint16).reshape(256, 256)
OPTIONS = ("--strength", "2", "--steps", "1", "--corrector", "none", "--device", "cpu", "--dtype", "float32")


def every_level(channels: int) -> np.ndarray:
    """All 65,536 levels in each channel, in another order in each."""
    return np.stack([np.roll(LEVELS, 7 * k, 1) for k in range(channels)], -1)


PAGES = [every_level(3), every_level(4)[:128], every_level(1), (every_level(3) >> 8).astype(np.uint8), every_level(2)]
"""RGB and RGBA of 16 bits, grey of 16, RGB of 8, grey and alpha of 16."""
FLOATS = np.random.default_rng(0).random((20, 30, 3), np.float32)


def scan(*pages: np.ndarray, planar: bool = False) -> bytes:
    """A TIFF with a directory for each page, each page in one deflated strip, or in one for each channel."""
    data = b"II*\0" + bytes(4)
    link = 4
    for page in pages:
        height, width, channels = page.shape
        planes = [page[..., k] for k in range(channels)] if planar else [page]
        places, lengths = list[int](), list[int]()
        for plane in planes:
            strip = zlib.compress(plane.tobytes())
            places, lengths = [*places, len(data)], [*lengths, len(strip)]
            data += strip + bytes(len(strip) % 2)
        lists: dict[int, list[int]] = {258: [8 * page.itemsize] * channels, 273: places, 279: lengths}
        lists |= {339: [3 if page.dtype.kind == "f" else 1] * channels, 338: [2] * (channels % 2 == 0)}
        single = {256: width, 257: height, 259: 8, 262: 2 if channels > 2 else 1, 277: channels, 278: height}
        tags = {tag: values for tag, values in lists.items() if values} | {tag: [n] for tag, n in single.items()}
        entries = b""
        for tag, values in sorted((tags | {284: [2 if planar else 1]}).items()):
            form, kind = ("H", 3) if tag in (258, 338, 339) else ("I", 4)
            value = struct.pack(f"<{len(values)}{form}", *values)
            if len(value) > 4:
                data, value = data + value + bytes(len(value) % 4), struct.pack("<I", len(data))
            entries += struct.pack("<HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
        data = data[:link] + struct.pack("<I", len(data)) + data[link + 4 :]
        data += struct.pack("<H", len(entries) // 12) + entries + bytes(4)
        link = len(data) - 4
    return data


def stored(path: Path) -> list[np.ndarray]:
    """The samples (H, W, C) of the pages of a file without compression, as its tags say they lie."""
    data, found = path.read_bytes(), []
    file, tags = io.BytesIO(data), ImageFileDirectory_v2(data[:8])
    while place := tags.next:
        file.seek(place)
        tags = ImageFileDirectory_v2(data[:8])
        tags.load(file)
        assert data[:2] == b"II" and tags[259] == 1 and tags.get(317, 1) == 1
        strips = zip(tags[273], tags[279], strict=True)
        bits = {8: np.dtype("u1"), 16: np.dtype("<u2")}[tags[258][0]]
        flat = np.frombuffer(b"".join(data[at : at + length] for at, length in strips), bits)
        found.append(flat.reshape(tags[257], tags[256], tags.get(277, 1)))
    return found


class Leave(Planner):
    """Leaves every picture as it is."""

    name = "leave"

    def __call__(self, image: Any, info: Any, prior: Any, model: Any) -> Plan:
        return Plan(recipe=None)


@pytest.mark.parametrize("planar", [False, True])
def test_restorer_returns_clean_pages_of_16_bits_bit_for_bit(planar: bool, unet: str, tmp_path: Path) -> None:
    (tmp_path / "in.tif").write_bytes(scan(*PAGES, planar=planar))
    result = Restorer(unet, planner=Leave(), device="cpu", dtype="float32")(tmp_path / "in.tif")
    assert len(result.frames) == len(PAGES)
    result.save(tmp_path / "out.tif")
    for page, samples in zip(PAGES, stored(tmp_path / "out.tif"), strict=True):
        assert samples.dtype == page.dtype and np.array_equal(samples, page)
    again = frames_of(tmp_path / "out.tif")
    assert [isinstance(page, DeepImage) for page in again] == [True, True, False, False, True]
    assert again[2].mode == "I;16"


def test_restore_writes_pages_of_16_bits_at_16_bits(cli: Any, unet: str, tmp_path: Path) -> None:
    pages = [np.full((24, 32, 3), 30001, np.uint16), np.full((20, 36, 3), 117, np.uint8)]
    (tmp_path / "in.tif").write_bytes(scan(*pages))
    assert cli("restore", tmp_path / "in.tif", "--prior", unet, *OPTIONS).status == 0
    for page, samples in zip(pages, stored(tmp_path / "in-restored.tif"), strict=True):
        assert samples.dtype == page.dtype and samples.shape == page.shape
        assert np.abs(samples / np.iinfo(page.dtype).max - page / np.iinfo(page.dtype).max).max() < 0.05
    assert len(np.unique(stored(tmp_path / "in-restored.tif")[0])) > 256


@pytest.mark.parametrize("planar", [False, True])
def test_frames_of_a_tiff_with_floating_point_pages_have_16_bits(planar: bool, tmp_path: Path) -> None:
    """Pillow does not open their first page."""
    (tmp_path / "in.tif").write_bytes(scan(FLOATS, FLOATS / 2, planar=planar))
    first, second = frames_of(tmp_path / "in.tif")
    for page, values in ((first, FLOATS), (second, FLOATS / 2)):
        assert isinstance(page, DeepImage)
        assert np.array_equal(page.samples, (values * 65535).round().astype(np.uint16))
    assert holds_pages(tmp_path / "in.tif")


def test_holds_pages_tells_a_tiff_of_one_page_from_others(tmp_path: Path) -> None:
    (tmp_path / "in.tif").write_bytes(scan(FLOATS))
    assert not holds_pages(tmp_path / "in.tif") and frames_of(tmp_path / "in.tif") == []
    (tmp_path / "circle.tif").write_bytes(scan(*PAGES[:2]))
    data = bytearray((tmp_path / "circle.tif").read_bytes())
    data[-4:] = data[4:8]  # the last page names the first as the next
    (tmp_path / "circle.tif").write_bytes(data)
    assert holds_pages(tmp_path / "circle.tif") and len(frames_of(tmp_path / "circle.tif")) == 2


def test_frames_of_16_bits_are_limited_together(tmp_path: Path) -> None:
    """A pixel of 16 bits takes the memory of three."""
    (tmp_path / "in.tif").write_bytes(scan(*[np.zeros((10, 10, 3), np.uint16)] * 9))
    assert len(frames_of(tmp_path / "in.tif", 0.000109)) == 9
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(DreamCleanError, match=r"holds 9 pictures, more than 0.002675 megapixels"):
        frames_of(tmp_path / "in.tif", 0.000107)
    assert before == Image.MAX_IMAGE_PIXELS


def test_frames_of_a_damaged_tiff_are_those_before_the_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = scan(PAGES[0], PAGES[1], planar=True)
    strip = zlib.compress(np.ascontiguousarray(PAGES[1][..., 3]).tobytes())
    (tmp_path / "in.tif").write_bytes(data.replace(strip, bytes(len(strip))))
    (page,) = frames_of(tmp_path / "in.tif")
    assert np.array_equal(page.samples, PAGES[0])  # type: ignore[attr-defined]
    assert "in.tif is damaged after picture 1 of 2" in caplog.text


def test_picture_of_16_bits_is_the_first_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "in.tif").write_bytes(scan(*PAGES))
    assert Picture.open(tmp_path / "in.tif").sixteen_bit
    assert "in.tif holds several pictures; only the first is taken" in caplog.text


def test_save_of_pages_of_16_bits_keeps_the_metadata_of_the_first(tmp_path: Path) -> None:
    pages: list[Image.Image] = [DeepImage(every_level(3)), Image.new("L", (8, 8)), DeepImage(every_level(4))]
    exif = Image.Exif()
    exif[271] = "Maker"
    exif.get_ifd(34665)[36867] = "2020:01:01 00:00:00"
    for page in pages:
        page.info |= {"exif": exif.tobytes(), "xmp": b"<x:xmpmeta/>"}
    save(pages[0], tmp_path / "out.tif", None, pages)
    found = frames_of(tmp_path / "out.tif")
    assert [page.size for page in found] == [(256, 256), (8, 8), (256, 256)]
    assert b"Maker" in found[0].info["exif"] and b"2020:01:01" in found[0].info["exif"]
    assert found[0].info["xmp"] == b"<x:xmpmeta/>"
    assert not found[1].info["exif"] and "exif" not in found[2].info
