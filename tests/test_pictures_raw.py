"""A camera's RAW files. rawpy is no part of the tests' environment: a stand-in takes its place.

With rawpy installed, a real DNG file, made here, is read as well.
"""

import struct
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dreamclean import DreamCleanError, Picture
from dreamclean.cli.walk import pictures_in
from dreamclean.pictures.picture import is_picture

SAMPLES = np.arange(4 * 6 * 3, dtype=np.uint16).reshape(4, 6, 3) * 900


class Raw(SimpleNamespace):
    """What ``rawpy.imread`` gives."""

    asked: dict[str, Any] = {}  # noqa: RUF012

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def postprocess(self, **options: Any) -> np.ndarray:
        Raw.asked = options
        return SAMPLES


@pytest.fixture
def rawpy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module in the place of rawpy, which takes every file that starts with RAW."""
    module: Any = ModuleType("rawpy")
    module.__spec__ = SimpleNamespace(name="rawpy")

    def imread(path: str) -> Raw:
        if not Path(path).read_bytes().startswith(b"RAW"):
            raise ValueError("Unsupported file format or not RAW file")
        return Raw(sizes=SimpleNamespace(width=6, height=4))

    module.imread, module.ColorSpace = imread, SimpleNamespace(sRGB="sRGB")
    monkeypatch.setitem(sys.modules, "rawpy", module)
    return module


@pytest.mark.usefixtures("rawpy")
def test_picture_of_a_raw_file_is_developed_at_16_bits(tmp_path: Path) -> None:
    (tmp_path / "a.NEF").write_bytes(b"RAW")
    picture = Picture.open(tmp_path / "a.NEF")
    assert picture.sixteen_bit and picture.pixels.shape == (1, 3, 4, 6)
    image: Any = picture.with_pixels(picture.pixels)
    assert np.array_equal(image.samples, SAMPLES)
    assert (Raw.asked["use_camera_wb"], Raw.asked["output_bps"], Raw.asked["output_color"]) == (True, 16, "sRGB")
    with pytest.raises(DreamCleanError, match=r"2.4e-05 megapixels, more than the 2.3e-05"):
        Picture.open(tmp_path / "a.NEF", 23e-6)


@pytest.mark.usefixtures("rawpy")
def test_picture_refuses_a_damaged_raw_file_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(b"II*\0")
    with pytest.raises(DreamCleanError, match=r"a\.dng cannot be read as a picture \(Unsupported file format"):
        Picture.open(tmp_path / "a.dng")


@pytest.mark.usefixtures("rawpy")
def test_is_picture_counts_raw_files_where_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.cr2").write_bytes(b"RAW")
    assert is_picture(tmp_path / "a.cr2") and pictures_in(tmp_path) == [tmp_path / "a.cr2"]
    monkeypatch.setattr("dreamclean.pictures.raw.find_spec", lambda name: None)
    assert not is_picture(tmp_path / "a.cr2")
    with pytest.raises(
        DreamCleanError, match=r"a camera's RAW file, which is not read; pip install 'dreamclean\[raw\]'"
    ):
        Picture.open(tmp_path / "a.cr2")


def dng(mosaic: np.ndarray) -> bytes:
    """A DNG file of a Bayer mosaic (H, W), red at the top left (DNG specification 1.4)."""
    height, width = mosaic.shape
    identity = struct.pack(
        "<18i", *[int(10000 * x) if k % 2 == 0 else 10000 for x in np.eye(3).ravel() for k in (0, 1)]
    )
    tags: dict[int, tuple[int, int, bytes]] = {
        254: (4, 1, struct.pack("<I", 0)),
        256: (4, 1, struct.pack("<I", width)),
        257: (4, 1, struct.pack("<I", height)),
        258: (3, 1, struct.pack("<H", 16)),
        259: (3, 1, struct.pack("<H", 1)),
        262: (3, 1, struct.pack("<H", 32803)),
        271: (2, 5, b"None\0"),
        272: (2, 5, b"Test\0"),
        273: (4, 1, struct.pack("<I", 8)),
        274: (3, 1, struct.pack("<H", 1)),
        277: (3, 1, struct.pack("<H", 1)),
        278: (4, 1, struct.pack("<I", height)),
        279: (4, 1, struct.pack("<I", mosaic.nbytes)),
        33421: (3, 2, struct.pack("<2H", 2, 2)),
        33422: (1, 4, bytes([0, 1, 1, 2])),
        50706: (1, 4, bytes([1, 4, 0, 0])),
        50707: (1, 4, bytes([1, 1, 0, 0])),
        50708: (2, 5, b"Test\0"),
        50717: (4, 1, struct.pack("<I", 65535)),
        50721: (10, 9, identity),
        50728: (5, 3, struct.pack("<6I", *[1, 1] * 3)),
    }
    body = mosaic.astype("<u2").tobytes()
    entries, more, end = b"", b"", 8 + len(body) + 6 + 12 * len(tags)
    for tag, (kind, count, data) in sorted(tags.items()):
        if len(data) > 4:
            data, more = struct.pack("<I", end + len(more)), more + data + bytes(len(data) % 2)  # noqa: PLW2901
        entries += struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
    return (
        struct.pack("<2sHI", b"II", 42, 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4) + more
    )


def test_picture_of_a_dng_file_by_rawpy_itself(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    (tmp_path / "a.dng").write_bytes(dng(np.tile(np.linspace(2000, 50000, 64), (48, 1)).round().astype(np.uint16)))
    picture = Picture.open(tmp_path / "a.dng")
    assert picture.sixteen_bit and picture.pixels.shape == (1, 3, 48, 64)
    row = picture.pixels[0, :, 24, 4:-4]
    assert bool((row.diff() >= 0).all()) and float(row[:, -1].min()) > float(row[:, 0].max()) + 0.2
