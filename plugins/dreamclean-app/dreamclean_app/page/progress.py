"""The status while pictures are restored: which one, which step, and the time that is left."""

import time
from collections.abc import Sequence

from dreamclean_app.page import status
from dreamclean_app.page.session import Item
from dreamclean_app.work.tasks import Phase, Stepped


class Progress:
    """The status of the restoration of picture ``number`` of ``items``."""

    def __init__(self, items: Sequence[Item], number: int) -> None:
        self._who = f"{number + 1} of {len(items)}: {items[number].name}" if len(items) > 1 else items[number].name
        pixels = [width * height for width, height in (item.size for item in items)]
        self._later = sum(pixels[number + 1 :]) / pixels[number]
        self._began = time.monotonic()

    def waiting(self) -> str:
        """Before the device is free."""
        return status.progress(f"{self._who}: waiting for the device ...", None)

    def of(self, message: Phase | Stepped) -> str:
        """After a message of the worker's."""
        if isinstance(message, Phase):
            after = f", evaluation {message.evaluations}" if message.evaluations else ""
            return status.progress(f"{self._who}: looking at it{after}", None)
        text = f"{self._who}: step {message.index} of {message.total}"
        if message.left is not None:
            text += f", {status.duration(self.left(message.left))} left"
        return status.progress(text, message.index / message.total)

    def left(self, here: float) -> float:
        """Seconds for this picture, ``here``, and for those after it, which take as long by their pixels."""
        return here + (time.monotonic() - self._began + here) * self._later
