"""Progress bars on standard error, where that is a terminal; standard output is left alone, so that it can be piped."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rich.markup
import rich.progress
from rich.console import Console


def progress_bar(*columns: Any, above: bool = False) -> rich.progress.Progress:
    """A bar that is gone when done; ``above``: lines that are printed meanwhile go above it."""
    console = Console(stderr=True)
    shared = above and console.is_terminal and sys.stdout.isatty()
    return rich.progress.Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=shared,
        redirect_stderr=above,
    )


class Bars:
    """One bar over all pictures, with pictures a minute and the time left, and one over the steps of the current one."""

    def __init__(self, bar: rich.progress.Progress, total: int) -> None:
        self._bar, self._total, self._began, self._done = bar, total, time.monotonic(), 0
        self._all = bar.add_task("pictures", total=total, rate="", visible=total > 1)
        self._one = bar.add_task("", total=None, rate="", visible=False)

    @contextmanager
    def picture(self, label: str) -> Iterator[Callable[[Any], None]]:
        """A listener to the steps of one picture."""
        number = f"{self._done + 1}/{self._total} " if self._total == 1 else ""
        self._bar.reset(self._one, total=None, description=rich.markup.escape(number + label), visible=True)
        try:
            yield lambda step: self._bar.update(self._one, completed=step.index, total=step.total)
        finally:
            self._bar.update(self._one, visible=False)

    def done(self) -> None:
        """One more picture is done."""
        self._done += 1
        rate = self._done / max(time.monotonic() - self._began, 1e-9) * 60
        self._bar.update(self._all, completed=self._done, rate=f"{rate:.3g} a minute")


@contextmanager
def bars(total: int) -> Iterator[Bars]:
    """The bars of a run over ``total`` pictures."""
    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TextColumn("{task.fields[rate]}"),
        rich.progress.TimeRemainingColumn(),
    )
    with progress_bar(*columns, above=True) as bar:
        yield Bars(bar, total)
