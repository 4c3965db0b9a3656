"""Watching a run: progress, previews, and a stop at the next evaluation of the prior."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from dreamclean import DreamCleanError, Model, Step
from dreamclean.contracts.levels import Level
from dreamclean.contracts.model import Ask
from dreamclean_app.pictures import shown_small
from dreamclean_app.work.tasks import Message, Phase, Stepped

_BETWEEN = 0.5
"""Seconds from one preview to the next, and from one message about evaluations to the next."""
_PREVIEW = 1024
"""Longest side of a preview in pixels."""


class Stopped(DreamCleanError):
    """Somebody asked for an end."""


class Watched:
    """A listener to the evaluations and steps of one run."""

    def __init__(self, send: Callable[[Message], None], stopped: Callable[[], bool], previews: Path) -> None:
        self._send, self._stopped, self._previews = send, stopped, previews
        self._evaluations, self._steps = 0, 0
        self._began = self._said = self._drawn = time.monotonic()

    def model(self, model: Model) -> Model:
        """``model``, which tells of each evaluation."""

        def told(ask: Ask) -> Ask:
            def asked(x: Tensor, level: Level) -> Tensor:
                self._evaluated()
                return ask(x, level)

            return asked

        invert = told(model.invert) if model.invert else None
        return replace(model, predict=told(model.predict), invert=invert)

    def _evaluated(self) -> None:
        if self._stopped():
            raise Stopped("stopped")
        self._evaluations += 1
        now = time.monotonic()
        if not self._steps and now - self._said > _BETWEEN:
            self._said = now
            self._send(Phase(self._evaluations))

    def step(self, step: Step, decode: Callable[[Tensor], Tensor]) -> None:
        """A step was done; ``decode`` makes a picture of its estimate."""
        if self._stopped():
            raise Stopped("stopped")
        now = time.monotonic()
        if step.index == 0:
            self._began = now
        self._steps += 1
        left = (now - self._began) / step.index * (step.total - step.index) if step.index else None
        preview = None
        if now - self._drawn > _BETWEEN:
            preview = self._draw(decode(step.x0[:1]))
            self._drawn = time.monotonic()
        self._send(Stepped(step.index, step.total, left, preview))

    def _draw(self, pixels: Tensor) -> Path:
        from dreamclean import Picture

        image = Picture(pixels).with_pixels(pixels)
        return shown_small(image, self._previews / f"preview-{self._steps}.webp", _PREVIEW)
