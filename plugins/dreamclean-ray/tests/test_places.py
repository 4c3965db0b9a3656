"""Folders on file systems of pyarrow and fsspec, and what they hold."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

pytest.importorskip("ray", reason="ray is not installed: make test-ray runs these tests")

from dreamclean_ray.listing import listing
from dreamclean_ray.place import Place, place
from dreamclean_ray.task import Task

from dreamclean import DreamCleanError
from dreamclean.cli.jobs import plan


@pytest.fixture(params=["", "file://", "local://", "memory://"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A folder that is not there: of a path, of pyarrow, of fsspec on the disk, of fsspec in memory."""
    return place(f"{request.param}{tmp_path}/{uuid4().hex}")


def test_place_writes_reads_and_lists(folder: Place) -> None:
    assert folder.listed() == [] and not folder.is_folder() and not folder.has("a/b.png")
    folder.write("a/b#%20 ?.png", b"one")
    folder.write("a/b#%20 ?.png", b"two")
    assert folder.read("a/b#%20 ?.png") == b"two" and folder.has("a/b#%20 ?.png") and folder.is_folder()
    (inside,) = folder.listed()
    assert folder.relative(inside.path) == "a"
    (file,) = folder.listed("a")
    assert folder.relative(file.path) == "a/b#%20 ?.png", "and nothing temporary is left"


def test_place_write_that_fails_leaves_what_was_there(folder: Place) -> None:
    folder.write("taken/file.png", b"whole")
    nothing: Any = 5  # no bytes, which is found after the temporary file was opened
    with pytest.raises(TypeError):
        folder.write("taken/file.png", nothing)
    assert [info.base_name for info in folder.listed("taken")] == ["file.png"]
    assert folder.read("taken/file.png") == b"whole"


def test_place_refuses_what_nobody_knows() -> None:
    with pytest.raises(DreamCleanError, match=r"nowhere://x cannot be opened .*; give a folder or a URL"):
        place("nowhere://x")


def test_listing_names_results_as_restore_does(photos: Path, expected: list[str]) -> None:
    pages = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    pages[0].save(photos / "pages.tif", save_all=True, append_images=pages[1:])
    found = list(listing(place(str(photos)), place(str(photos.parent / "clean"))))
    jobs, _ = plan([photos], photos.parent / "clean", "restored", False)
    pairs = [(job.source.relative_to(photos).as_posix(), job.target) for job in jobs]
    assert sorted((one.source, photos.parent / "clean" / one.target) for one in found) == sorted(pairs)
    assert {one.target for one in found} - {"broken.png"} == {*expected, "pages.tif"}
    assert not any(one.done for one in found)


def test_listing_knows_what_is_done_and_leaves_out_the_output(photos: Path) -> None:
    target = place(f"{photos}/one/clean")
    target.write("one/two/d.png", b"done")
    target.write("one/two/other.png", b"from elsewhere")
    found = list(listing(place(str(photos)), target))
    assert [one.source for one in found if one.done] == ["one/two/d.jpg"]
    assert not any(one.source.startswith("one/clean") for one in found)


def test_check_refuses_no_folder_and_the_same_folder(photos: Path) -> None:
    missing, same = place(str(photos / "no")), place(str(photos))
    with pytest.raises(DreamCleanError, match="there is no folder"):
        Task(missing, same, {}).check()
    with pytest.raises(DreamCleanError, match="give another OUTPUT"):
        Task(same, place(f"{photos}/"), {}).check()
