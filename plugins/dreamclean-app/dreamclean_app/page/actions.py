"""What happens when the page is used: each takes values of the page and gives new ones."""

import time
from collections.abc import Iterator, Mapping
from threading import Event
from typing import Any, NamedTuple

import gradio as gr

from dreamclean import DreamCleanError
from dreamclean_app.page import status
from dreamclean_app.page.paint import masks
from dreamclean_app.page.progress import Progress
from dreamclean_app.page.session import Item, Runs
from dreamclean_app.page.studio import Studio
from dreamclean_app.work.tasks import STOPPED, Phase, Stepped

GUIDE = """<ol class="dc-guide"><li>Drop one photograph or several.</li><li>Press <b>Restore</b>.</li>
<li>Compare, and download.</li></ol>"""

DECIDING = ("operator", "strength", "preset", "mask", "recipe", "planner")
"""Settings that say themselves what is done to a picture, so that ``Wishes`` have no effect."""


def decides(settings: Mapping[str, Any]) -> str:
    """Why ``Wishes`` have no effect beside these settings; empty if they have one."""
    name = next((name for name in DECIDING if name in settings), None)
    return f"the {name} says what is done" if name else ""


class Wishes(NamedTuple):
    """What is asked of the restoration that a picture's own diagnosis leads to."""

    detail: float | None = None
    """0 to 1; None: as the prior recommends, which differs from damage to damage."""
    tone: str = ""
    """"faded", "haze" or, as the picture is, empty."""

    @property
    def said(self) -> dict[str, Any]:
        """As settings, without what is not said."""
        detail = {} if self.detail is None else {"detail": self.detail}
        return {**detail, **({"tone": self.tone} if self.tone else {})}


class Painted(NamedTuple):
    """What is painted, and the picture that it is painted on."""

    canvas: Any
    under: str


class Actions:
    """The handlers. ``request.session_hash`` tells the users apart."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.runs = studio, Runs()

    def take(self, uploads: list[str] | None, items: list[Item], request: gr.Request) -> tuple[list[Item], int, str]:
        """Uploaded files: the pictures among them, and a line about each of the others; of none, how to begin."""
        user = str(request.session_hash)
        self.runs.drop(user)
        if not uploads:
            return [], 0, GUIDE
        try:
            items, refused = self.studio.take(user, uploads, items)
        except DreamCleanError as error:  # the pictures from before stay
            refused = [str(error)]
        return items, 0, status.lines([(text, "bad") for text in refused])

    def look(
        self, items: list[Item], refused: str, prior: str, request: gr.Request
    ) -> Iterator[tuple[list[Item], str]]:
        """What is wrong with each picture, one after the other."""
        event = self.runs.begin(str(request.session_hash))
        if event is None:
            return
        try:
            settings = self.studio.settings({"prior": prior})
        except DreamCleanError as error:
            yield items, status.line(str(error), "bad")
            return
        try:
            for number, item in enumerate(items):
                if event.is_set():
                    return
                if item.report is not None:  # it was looked at before others came
                    continue
                doing = refused + status.progress(f"Looking at {item.name}: what is wrong with it?", None)
                yield items, doing
                for seen in self.studio.look(item, settings, lambda: not event.is_set()):
                    if isinstance(seen, Item):
                        items = [*items[:number], seen, *items[number + 1 :]]
                if event.is_set():
                    return
                yield items, refused
        finally:
            event.set()

    def restore(
        self, items: list[Item], current: int, wishes: Wishes, painted: Painted, settings: dict[str, Any], user: str
    ) -> Iterator[tuple[list[Item], int, str, str | None]]:
        """Restore all pictures: the items, the number of the one that is shown, the status, and a preview of it."""
        if not items:
            yield items, current, status.line("Drop a photograph first.", "bad"), None
            return
        event, began, notes = self.runs.last(user), time.monotonic(), ""
        number = current
        try:
            for number, item in enumerate(items):
                if event.is_set():  # while it waited
                    break
                own = self._own(item, wishes, painted, settings, user)
                if wishes.said and (reason := decides(own)):
                    names = " and ".join(wishes.said).capitalize()
                    has = "have" if len(wishes.said) > 1 else "has"
                    notes = status.line(f"{names} {has} no effect on {item.name}: {reason}.")
                for state in self._one(item, own, user, event, Progress(items, number)):
                    if isinstance(state, Item):
                        items = [*items[:number], state, *items[number + 1 :]]
                    elif not event.dropped:
                        yield items, number, *state
                if event.is_set():
                    break
                yield items, number, "", None
        except DreamCleanError as error:
            if not event.dropped:
                yield items, number, status.line(str(error), "bad"), None
            return
        finally:
            stopped = event.is_set()
            event.set()
        if not event.dropped:
            yield items, number, _end(items, stopped, time.monotonic() - began) + notes, None

    def _own(self, item: Item, wishes: Wishes, painted: Painted, settings: dict[str, Any], user: str) -> dict[str, Any]:
        """The settings of one picture."""
        own = self.studio.settings(settings)
        if painted.under == str(item.shown):
            own |= masks(painted.canvas, item.size, self.studio.fresh(user))
        return own if decides(own) else own | wishes.said

    def _one(
        self, item: Item, settings: dict[str, Any], user: str, event: Event, progress: Progress
    ) -> Iterator[tuple[str, str | None] | Item]:
        """Status and preview as a picture is restored, and the item at its end."""
        yield progress.waiting(), None
        for message in self.studio.restore(user, item, settings, lambda: not event.is_set()):
            if isinstance(message, Item):
                yield message
            elif isinstance(message, Phase | Stepped):
                preview = getattr(message, "preview", None)
                yield progress.of(message), str(preview) if preview else None

    def begin(self, items: list[Item], current: int, request: gr.Request) -> str:
        """A restoration was asked for, and what is looked at ends: the status until the device is free."""
        self.runs.begin(str(request.session_hash), restores=True)
        return Progress(items, min(current, len(items) - 1)).waiting() if items else ""

    def stop(self, request: gr.Request) -> None:
        """Stop the user's run, also one that still waits."""
        self.runs.stop(str(request.session_hash))

    def leave(self, request: gr.Request) -> None:
        """The user's page was closed."""
        user = str(request.session_hash)
        self.runs.forget(user)
        self.studio.scratch.leave(user)

    def stay(self, request: gr.Request) -> None:
        """The user's page is open: its files are in use."""
        self.studio.scratch.use(str(request.session_hash))


def _end(items: list[Item], stopped: bool, seconds: float) -> str:
    """The status after a run."""
    failed = [(f"{item.name}: {item.failure}", "bad") for item in items if item.failure and item.failure != STOPPED]
    done = [item for item in items if item.restored and not item.failure]
    if stopped:
        return status.lines([("Stopped. What was done before is kept.", "calm"), *failed])
    if len(items) == 1 and done:
        return status.lines([(f"Done: {done[0].told}", "good"), *failed])
    good = [(f"{len(done)} of {len(items)} pictures restored in {seconds:.0f} s.", "good")] if done else []
    return status.lines([*good, *failed])
