"""Lines of status."""

from pathlib import Path

import pytest
from dreamclean_app.page import progress as module
from dreamclean_app.page import status
from dreamclean_app.page.progress import Progress
from dreamclean_app.page.session import Item, Runs
from dreamclean_app.page.status import duration, line, lines, progress
from dreamclean_app.work.tasks import Phase, Stepped

EVIL = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("made", [line(EVIL), lines([(EVIL, "bad")]), progress(EVIL, None), progress(EVIL, 0.5)])
def test_status_escapes_what_is_put_in(made: str) -> None:
    assert "<img" not in made and "&lt;img" in made


def test_status_bar_is_as_long_as_the_share() -> None:
    assert "width:25.0%" in progress("", 0.25) and "width:100.0%" in progress("", 7) and "dc-busy" in progress("", None)


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "a few seconds"), (42, "40 seconds"), (200, "3 minutes"), (9000, "2.5 hours")]
)
def test_status_durations_are_rounded(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_progress_counts_the_pictures_that_are_still_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [Item(name, Path("x"), size, Path("x")) for name, size in (("a", (10, 10)), ("b", (10, 30)))]
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    first, last = Progress(items, 0), Progress(items, 1)
    now[0] += 20
    assert first.left(10) == 10 + 3 * 30 and last.left(10) == 10
    assert "1 of 2: a: step 2 of 8, 2 minutes left" in first.of(Stepped(2, 8, 10, None))
    assert "evaluation 5" in first.of(Phase(5)) and "left" not in first.of(Stepped(0, 8, None, None))
    assert "of 1" not in Progress(items[:1], 0).waiting()


def test_a_run_that_waits_can_be_stopped_and_one_of_other_pictures_is_dropped() -> None:
    runs = Runs()
    runs.stop("nobody")
    run = runs.begin("user", restores=True)
    assert run is not None and runs.last("user") is run and not run.is_set()
    assert runs.begin("user") is None and not run.is_set()  # a look waits behind a restoration
    runs.stop("user")
    assert run.is_set() and not run.dropped and runs.last("user") is run
    waiting = runs.begin("user", restores=True)
    runs.drop("user")
    assert waiting is runs.last("user") and waiting.dropped and waiting.is_set()
    first, second = runs.begin("user"), runs.begin("user")
    assert first is not None and second is not None
    assert first.is_set() and not first.dropped and not second.is_set()
    runs.forget("user")
    assert second.dropped and runs.last("user") is not second


def test_a_bar_says_what_it_is_about() -> None:
    bar = status.progress('"a" & b', 0.5)
    assert 'role="progressbar" aria-label="&quot;a&quot; &amp; b" aria-valuenow="50"' in bar
    assert "aria-valuenow" not in status.progress("a", None)
