"""The worker's process: tasks, stops, faults."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dreamclean_app.limits import Limits
from dreamclean_app.work import worker as module
from dreamclean_app.work.pool import Pool
from dreamclean_app.work.tasks import Failed, Look, Looked, Restore, Restored, Stepped
from PIL import Image

from dreamclean import read_recipe

SLOW = {"prior": "tiny:delay=0.05", "strength": "nsr:0.3", "steps": 60, "planner": "fixed"}


@pytest.fixture(scope="module")
def pool(surroundings: dict[str, str], plugins: Path) -> Iterator[Pool]:
    before = dict(os.environ)
    os.environ.update(surroundings)
    sys.path.insert(0, str(plugins))  # which the process takes over
    pool = Pool(["cpu"], Limits(megapixels=1, seconds=60))
    yield pool
    pool.close()
    sys.path.remove(str(plugins))
    os.environ.clear()
    os.environ.update(before)


def messages(pool: Pool, task: Any, wanted: Any = lambda: True) -> list[Any]:
    return [message for message in pool.do(task, wanted) if message is not None]


def task(photo: Path, folder: Path, **settings: Any) -> Restore:
    return Restore(photo, "photo", {"prior": "tiny", **settings}, folder / "restored.png")


def test_worker_looks(pool: Pool, photo: Path, tmp_path: Path) -> None:
    last = messages(pool, Look(photo, "photo", {"prior": "tiny"}, tmp_path / "found.png"))[-1]
    assert last == Looked("grey noise, for the tests", {"family": "grey noise"}, None)


def test_worker_restores_as_the_command_line_does(pool: Pool, photo: Path, tmp_path: Path) -> None:
    *steps, last = messages(pool, task(photo, tmp_path))
    assert isinstance(last, Restored) and last.size == (96, 64) and last.report == {"family": "grey noise"}
    told = [step for step in steps if isinstance(step, Stepped)]
    assert [step.index for step in told] == [0, 1, 2, 3, 4] and told[-1].total == 4
    assert told[0].left is None and told[-1].left == 0
    assert read_recipe(last.target).strength == "nsr:0.3"


def test_worker_says_that_a_png_holds_the_first_page_alone(pool: Pool, photo: Path, tmp_path: Path) -> None:
    with Image.open(photo) as image:
        image.save(tmp_path / "scan.tif", save_all=True, append_images=[image])
    last = messages(pool, task(tmp_path / "scan.tif", tmp_path))[-1]
    assert [warning for warning in last.warnings if "first of 2 pictures" in warning]


def test_worker_shows_previews_and_stops_when_told(pool: Pool, photo: Path, tmp_path: Path) -> None:
    seen: list[Any] = []

    def wanted() -> bool:
        return not any(getattr(message, "preview", None) for message in seen)

    for message in pool.do(task(photo, tmp_path, **SLOW), wanted):
        seen.append(message)
    process = pool.workers[0]._process
    assert seen[-1] == Failed("stopped") and not (tmp_path / "restored.png").exists()
    assert any(tmp_path.glob("preview-*.webp"))
    assert isinstance(messages(pool, task(photo, tmp_path))[-1], Restored)
    assert pool.workers[0]._process is process, "it obeyed, and goes on"


def test_worker_stops_where_nobody_listens_any_more(pool: Pool, photo: Path, tmp_path: Path) -> None:
    run = pool.do(task(photo, tmp_path, **{**SLOW, "prior": "tiny:delay=0.3", "initializer": "forward-noising"}))
    while not isinstance(next(run), Stepped):
        pass
    run.close()
    process = pool.workers[0]._process
    began = time.monotonic()
    assert isinstance(messages(pool, task(photo, tmp_path))[-1], Restored)
    assert pool.workers[0]._process is process and time.monotonic() - began < 10


def test_pool_does_not_wait_where_a_user_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's event loop closes the messages: while it waits, nobody is served."""
    over = threading.Event()

    class Slow:
        def __init__(self, *given: Any) -> None:
            pass

        def warm(self) -> None:
            pass

        def do(self, *given: Any) -> Iterator[None]:
            try:
                while True:
                    yield None
            finally:
                over.wait(10)

    monkeypatch.setattr("dreamclean_app.work.pool.Worker", Slow)
    pool = Pool(["cpu"], Limits())
    run = pool.do(object())  # type: ignore[arg-type]
    next(run)
    run.close()
    assert pool._free.empty()  # the worker is still at it
    over.set()
    assert pool._free.get(timeout=5) is pool.workers[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"corrector": "nothing"}, "there is no corrector"),
        ({"operator": "downsample:factor=40"}, "megapixels"),
        ({"strength": "nsr:x"}, "strength"),
    ],
)
def test_worker_fails_in_one_line(pool: Pool, photo: Path, tmp_path: Path, settings: Any, words: str) -> None:
    last = messages(pool, task(photo, tmp_path, **settings))[-1]
    assert isinstance(last, Failed) and words in last.reason and "\n" not in last.reason
    assert str(photo.parent) not in last.reason


def test_worker_that_does_not_obey_is_ended_and_another_takes_over(
    pool: Pool, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.3)
    slow = task(photo, tmp_path, **{**SLOW, "prior": "tiny:delay=100"})
    began = time.monotonic()
    assert messages(pool, slow, lambda: time.monotonic() - began < 4)[-1] == Failed("stopped")
    assert isinstance(messages(pool, task(photo, tmp_path))[-1], Restored)


def test_worker_that_dies_is_told_of_and_another_takes_over(pool: Pool, photo: Path, tmp_path: Path) -> None:
    run = pool.do(task(photo, tmp_path, **SLOW))
    while not isinstance(next(run), Stepped):
        pass
    process = pool.workers[0]._process
    assert process is not None
    process.kill()
    last = [message for message in run if message is not None][-1]
    assert isinstance(last, Failed) and "broke off" in last.reason
    assert isinstance(messages(pool, task(photo, tmp_path))[-1], Restored)


def test_worker_gives_up_after_the_time_that_is_allowed(
    pool: Pool, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool.workers[0], "_limits", Limits(seconds=2))
    last = messages(pool, task(photo, tmp_path, **{**SLOW, "prior": "tiny:delay=0.3"}))[-1]
    assert isinstance(last, Failed) and "2 seconds" in last.reason
