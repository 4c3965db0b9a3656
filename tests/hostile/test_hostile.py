"""Hostile files: each is a picture, or one line; nothing is printed beside it, nothing is left half written."""

import importlib.util
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from dreamclean import DreamCleanError, Picture
from dreamclean.pictures.frames import frames_of

LIMIT = 20
"""Megapixels: the pictures are small, the bombs are not."""
SEVERAL = " holds several pictures; only the first is taken"
_spec = importlib.util.spec_from_file_location("hostile_files", Path(__file__).with_name("files.py"))
assert _spec and _spec.loader
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
files: Callable[[], Iterator[tuple[str, bytes]]] = _module.files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All the files; no two of one name."""
    made: Path = tmp_path_factory.mktemp("hostile")
    for name, data in files():
        with (made / name).open("xb") as file:
            file.write(data)
    return made


def test_hostile_files_are_many_and_the_same_each_time(folder: Path) -> None:
    assert len(os.listdir(folder)) >= 300
    assert {name for name, data in files() if (folder / name).read_bytes() != data} == set()


@pytest.mark.filterwarnings("error")
def test_restore_of_a_hostile_file_gives_a_picture_or_one_line(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    read, refused = set(), set()
    for path in sorted(folder.iterdir()):
        began = time.process_time()
        try:
            picture = Picture.open(path, LIMIT)
            height, width = picture.pixels.shape[-2:]
            assert 0 < width * height <= LIMIT * 1e6 and bool(picture.pixels.isfinite().all()), path.name
            assert float(picture.pixels.min()) >= 0 and float(picture.pixels.max()) <= 1, path.name
            picture.with_pixels(picture.pixels).save(io.BytesIO(), "PNG")
            several = frames_of(path, LIMIT)
            assert len(several) != 1 or "cut" in path.name
            read.add(path.name)
        except DreamCleanError as error:
            assert path.name in str(error) and "\n" not in str(error) and len(str(error)) < 500, path.name
            refused.add(path.name)
        assert capfd.readouterr() == ("", ""), path.name
        assert time.process_time() - began < 10, path.name
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("dreamclean")]
    assert ours and all(line.endswith(SEVERAL) or " is damaged after picture " in line for line in ours)
    fine = {name for name in read | refused if name.startswith(("whole-", "exif-", "modes-", "profiles-"))}
    assert fine - read <= {
        "profiles-huge.png",
        "modes-float-nan.tif",
        "modes-float-inf.tif",
    }  # Pillow's limit; no numbers
    assert not {name for name in read if name.startswith(("nothing-", "bombs-"))}
    assert len(refused) > 100


def test_picture_that_is_read_is_written_so_that_pillow_reads_it(folder: Path, tmp_path: Path) -> None:
    """Through the whole command: nothing but pictures that Pillow opens, and a line for each of the others."""
    chosen = tmp_path / "in"
    chosen.mkdir()
    wanted = [*sorted(folder.iterdir())[::9], *folder.glob("profiles-*"), *folder.glob("exif-orientation-?-1.jpg")]
    wanted += folder.glob("tiffs-277-*")
    for path in dict.fromkeys(wanted):
        (chosen / path.name).symlink_to(path)
    command = [sys.executable, "-m", "dreamclean", "degrade", "in", "-o", "out", "--max-megapixels", str(LIMIT)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    out = list((tmp_path / "out").iterdir())
    assert len(out) == done.stdout.count("\n") > 40
    for path in out:
        assert path.suffix in (".png", ".tif")  # of several pages
        with Image.open(path) as image:
            image.load()
    lines = done.stderr.splitlines()
    errors = [line for line in lines if line.startswith("error: in/")]
    assert len(errors) > 30
    for line in set(lines) - set(errors):
        assert line.endswith(SEVERAL) or "colour profile" in line or " skipped, as HEIC, JPEG XL" in line
