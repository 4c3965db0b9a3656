"""The workers, one for each device; a task takes one that is free."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence

from dreamclean_app.limits import Limits
from dreamclean_app.work.tasks import Message, Task
from dreamclean_app.work.worker import Worker


class Pool:
    """Workers on ``devices``, each with ``prior`` in memory."""

    def __init__(self, devices: Sequence[str], limits: Limits, prior: str | None = None) -> None:
        self.workers = [Worker(device, limits, prior) for device in devices]
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self.workers:
            worker.warm()
            self._free.put(worker)

    def do(self, task: Task, wanted: Callable[[], bool] = lambda: True) -> Iterator[Message | None]:
        """As ``Worker.do``, by the first worker that is free."""
        worker = self._free.get()
        messages, over = worker.do(task, wanted), False
        try:
            for message in messages:  # noqa: UP028 (not from: that would close them here)
                yield message
            over = True
        finally:
            if over:
                self._free.put(worker)
            else:  # its user has left: that must not wait, as it may be in the server's event loop, for the work to stop
                threading.Thread(target=self._broken_off, args=(worker, messages), daemon=True).start()

    def _broken_off(self, worker: Worker, messages: Iterator[Message | None]) -> None:
        try:
            messages.close()  # type: ignore[attr-defined]
        finally:
            self._free.put(worker)

    def close(self) -> None:
        """End all processes."""
        for worker in self.workers:
            worker.end()
