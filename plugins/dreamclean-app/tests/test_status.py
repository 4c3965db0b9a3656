"""Lines of status."""

import pytest
from dreamclean_app.page.status import duration, line, lines, progress

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
