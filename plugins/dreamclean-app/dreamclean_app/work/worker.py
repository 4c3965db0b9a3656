"""A worker as the page sees it: a process on one device, which is ended and started anew if it does not obey."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from dreamclean_app.limits import Limits
from dreamclean_app.work.process import STOP, serve
from dreamclean_app.work.tasks import END, STOPPED, Failed, Message, Task

_GRACE = 5.0
"""Seconds from the word to stop to the end of the process, if it has not stopped by then."""
_START = 300.0
"""Seconds that a process may take to start and to load the first prior, which are not the task's."""
_TICK = 0.1


class Worker:
    """One process on ``device``, which loads ``prior`` as it starts. It does one task at a time; others wait."""

    def __init__(self, device: str, limits: Limits, prior: str | None = None) -> None:
        self.device, self._limits, self._prior = device, limits, prior
        self._free = threading.Lock()
        self._process: BaseProcess | None = None
        self._link: Connection | None = None

    def do(self, task: Task, wanted: Callable[[], bool]) -> Iterator[Message | None]:
        """The messages about ``task``, with None now and then in between; the last one is one of ``END``.

        It stops once ``wanted`` says no, and when the iterator is closed.
        """
        with self._free:
            link, done = self._started(), False
            try:
                link.send(task)
                for message in self._heard(link, wanted):
                    done = isinstance(message, END)
                    yield message
            finally:
                if not done:
                    self._stop(link)

    def _heard(self, link: Connection, wanted: Callable[[], bool]) -> Iterator[Message | None]:
        begun, until = False, time.monotonic() + _START
        while True:
            try:
                message: Message | None = link.recv() if link.poll(_TICK) else None
            except (EOFError, OSError):
                self.end()
                yield Failed("the work broke off, perhaps for lack of memory; try a smaller picture")
                return
            if message and not begun:
                begun, until = True, time.monotonic() + self._limits.seconds
            yield message
            if isinstance(message, END):
                return
            if time.monotonic() > until or not wanted():
                last = self._stop(link)
                allowed = self._limits.seconds if begun else _START
                late = f"it took longer than the {allowed:g} seconds that are allowed"
                yield last if last and not isinstance(last, Failed) else Failed(STOPPED if not wanted() else late)
                return

    def _started(self) -> Connection:
        if self._process is None or not self._process.is_alive() or self._link is None:
            self.end()
            context = multiprocessing.get_context("spawn")
            self._link, theirs = context.Pipe()
            self._process = context.Process(
                target=serve, args=(theirs, self.device, self._limits, self._prior), daemon=True
            )
            self._process.start()
            theirs.close()
        return self._link

    def _stop(self, link: Connection) -> Message | None:
        """Say so, and end the process if that does not help; the last message, if there is one."""
        try:
            link.send(STOP)
            until = time.monotonic() + _GRACE
            while (rest := until - time.monotonic()) > 0 and link.poll(rest):
                message: Message = link.recv()
                if isinstance(message, END):
                    return message
        except (EOFError, OSError):
            pass
        self.end()
        return None

    def warm(self) -> None:
        """Start the process, so that the first task finds it ready."""
        with self._free:
            self._started()

    def end(self) -> None:
        """End the process; the next task starts another."""
        if self._process is not None:
            self._process.terminate()
            self._process.join(2)
            if self._process.is_alive():
                self._process.kill()
        if self._link is not None:
            self._link.close()
        self._process = self._link = None
