"""``dreamclean ray restore`` on a cluster of this machine."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ray", reason="ray is not installed: make test-ray runs these tests")

import pyarrow.dataset

from dreamclean.cli.report import COLUMNS

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ASSASSIN = """
import os, signal
from pathlib import Path
from dreamclean import Corrector, hookimpl
class Assassin(Corrector):
    '''Kills its process at a picture that is dark, and once at one that is bright.'''
    name = "assassin"
    def __call__(self, latent, denoise, noise):
        mean, mark = latent.x.mean() / latent.level.alpha, Path(__file__).with_name("once")
        if mean < -0.8 or (mean > 0.8 and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return latent
@hookimpl
def register_correctors(register): register(Assassin)
"""


def found(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def lines(folder: Path) -> list[dict[str, object]]:
    table = pyarrow.dataset.dataset(str(folder)).to_table()
    assert tuple(table.column_names) == COLUMNS
    rows: list[dict[str, object]] = table.to_pylist()
    return rows


def whole(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image, np.int16)


def test_restore_makes_the_same_pictures_as_on_one_machine(
    photos: Path, expected: list[str], quick: list[str], command: Run
) -> None:
    """From a URL of pyarrow to one of fsspec, and once more, which finds all of it done."""
    clean = photos.parent / "clean"
    arguments = ("ray", "restore", photos.as_uri(), f"local://{clean}", "--actors", 2, *quick)
    first = command(*arguments)
    assert first.returncode == 2, first.stderr
    assert "broken.png cannot be read as a picture" in first.stderr and "9 done, 1 failed" in first.stderr
    assert "/tmp/dreamclean-" not in first.stdout + first.stderr
    assert first.stdout.count(" -> ") == 9 and found(clean) == expected
    command("restore", photos, "-o", "alone", *quick)
    assert found(photos.parent / "alone") == expected
    for name in expected:
        assert np.abs(whole(clean / name) - whole(photos.parent / "alone" / name)).max() <= 1
    before = {path: path.stat().st_mtime_ns for path in clean.rglob("*.png")}
    (photos / "broken.png").unlink()
    second = command(*arguments)
    assert second.returncode == 0 and "9 skipped" in second.stderr, second.stderr
    assert {path: path.stat().st_mtime_ns for path in clean.rglob("*.png")} == before
    rows = lines(clean / "report.parquet")
    assert Counter(row["status"] for row in rows) == {"done": 9, "failed": 1, "skipped": 9}
    assert all(row["nfe"] and row["seconds"] for row in rows if row["status"] == "done")
    assert not list(clean.rglob(".dreamclean-*"))


def test_restore_loses_nothing_to_actors_that_are_killed(
    photos: Path, expected: list[str], quick: list[str], command: Run, tmp_path: Path
) -> None:
    """A picture that kills its process once is done at the second try; one that always does is reported."""
    plugins = tmp_path / "plugins"
    info = plugins / "assassin-1.dist-info"
    info.mkdir(parents=True)
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: assassin\nVersion: 1\n")
    info.joinpath("entry_points.txt").write_text("[dreamclean]\nassassin = assassin\n")
    (plugins / "assassin.py").write_text(ASSASSIN)
    (photos / "broken.png").unlink()
    Image.new("RGB", (16, 16), (1, 2, 3)).save(photos / "many/dark.png")
    Image.new("RGB", (16, 16), (254, 253, 255)).save(photos / "many/bright.png")
    arguments = ("--actors", 1, *quick, "--initializer", "matched-level", "--corrector", "assassin")
    run = command("ray", "restore", "photos", "clean", *arguments, plugins=plugins)
    assert run.returncode == 2, run.stderr
    assert "photos/many/dark.png: its process was killed" in run.stderr and "10 done, 1 failed" in run.stderr
    assert found(tmp_path / "clean") == sorted([*expected, "many/bright.png"])
    rows = lines(tmp_path / "clean/report.parquet")
    assert sorted(Path(str(row["input"])).name for row in rows if row["status"] != "done") == ["dark.png"]
    assert len(rows) == 11


def test_restore_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, flat: Path, quick: list[str], command: Run
) -> None:
    arguments = ["ray", "restore", flat.name, "clean", "--actors", "1", *quick]
    with subprocess.Popen(
        [sys.executable, "-m", "dreamclean", *arguments],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        end = time.monotonic() + 120
        while len(list((tmp_path / "clean").glob("*.png"))) < 10:
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "clean").glob("*.png")}
    assert 10 <= len(before) < 60
    run = command(*arguments)
    assert run.returncode == 0, run.stderr
    assert len(found(tmp_path / "clean")) == 60
    for name in found(tmp_path / "clean"):
        whole(tmp_path / "clean" / name)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())


def test_restore_refuses_in_one_line(photos: Path, quick: list[str], command: Run) -> None:
    for arguments, said in (
        (("no", "clean"), "there is no folder no"),
        (("photos", "photos"), "cannot take its own pictures' results"),
        (("nowhere://x", "clean"), "nowhere://x cannot be opened"),
        (("photos", "clean", "--corrector", "no"), "error: "),
        (("photos", "clean", "--actors", 1000), "has room for"),
    ):
        run = command("ray", "restore", *arguments, *quick)
        assert run.returncode == 2 and said in run.stderr and run.stderr.count("\n") == 1, run.stderr
        assert not (photos.parent / "clean").exists()
