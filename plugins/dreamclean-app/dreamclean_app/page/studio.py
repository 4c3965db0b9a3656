"""What the page does, without the page: users' pictures in, checked; looked at, restored, blended."""

import json
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dreamclean import DreamCleanError
from dreamclean_app import guard
from dreamclean_app.blend import blended
from dreamclean_app.catalog import current_host
from dreamclean_app.limits import Limits
from dreamclean_app.names import apart, plain
from dreamclean_app.page.session import Item
from dreamclean_app.pictures import opened, shown_small
from dreamclean_app.scratch import Scratch
from dreamclean_app.work.pool import Pool
from dreamclean_app.work.tasks import STOPPED, Failed, Look, Looked, Message, Restore, Restored

GONE = "the files of this page are gone; drop the pictures again"


class Studio:
    """Everything that users share: limits, folders, workers, the priors that are offered."""

    def __init__(self, priors: Sequence[str], limits: Limits, pool: Pool, scratch: Scratch, trusting: bool) -> None:
        self.priors, self.limits, self.pool, self.scratch, self.trusting = priors, limits, pool, scratch, trusting
        self._number = 0
        self._lock = threading.Lock()

    def fresh(self, user: str) -> Path:
        """A new, empty folder among those of ``user``."""
        with self._lock:
            self._number += 1
            folder = self.scratch.folder(user) / str(self._number)
        folder.mkdir()
        return folder

    def take(self, user: str, uploads: Sequence[str], before: Sequence[Item] = ()) -> tuple[list[Item], list[str]]:
        """The uploaded pictures that can be read, and a line about each of the others.

        Of those that were there ``before`` what is known is kept. DreamCleanError for more of them than are allowed.
        """
        if len(uploads) > self.limits.pictures:
            raise DreamCleanError(f"{len(uploads)} pictures; at most {self.limits.pictures} are taken in one go")
        items, refused = [], []
        known = {item.upload: item for item in before if item.original.exists()}
        for path, name in zip(uploads, apart([plain(Path(path).name) for path in uploads]), strict=True):
            try:
                item = known.pop(path, None) or self._taken(user, Path(path), name)
                items.append(replace(item, name=name, upload=path))
            except DreamCleanError as error:
                refused.append(str(error))
        return items, refused

    def _taken(self, user: str, path: Path, name: str) -> Item:
        called = plain(path.name) + "".join(c for c in path.suffix[:8] if c.isalnum() or c == ".")
        picture = opened(path, called, self.limits)
        folder = self.fresh(user)
        original = folder / f"original{path.suffix[:8]}"
        shutil.copyfile(path, original)
        height, width = picture.pixels.shape[-2:]
        shown = shown_small(picture.with_pixels(picture.pixels), folder / "shown.webp")
        return Item(name, original, (width, height), shown)

    def settings(self, given: dict[str, Any]) -> dict[str, Any]:
        """``given`` without what is not set. DreamCleanError for what may not be asked for."""
        said = {name: value for name, value in given.items() if value not in (None, "")}
        recipe = said.get("recipe") or {}
        if not isinstance(recipe, dict):
            raise DreamCleanError("a recipe is a table of settings")
        host = current_host()
        guard.check({name: value for name, value in said.items() if name != "recipe"}, self.priors, host, self.trusting)
        guard.check({k: v for k, v in recipe.items() if k != "versions"}, self.priors, host, self.trusting)
        if "prior" not in said and "prior" not in recipe and self.priors:
            said["prior"] = self.priors[0]
        return said

    def look(
        self, item: Item, settings: dict[str, Any], wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[Message | Item | None]:
        """The messages of a diagnosis, and at the end ``item`` with what was found."""
        if not item.original.exists():
            yield replace(item, found=GONE)
            return
        task = Look(item.original, item.name, settings, item.original.with_name("found.png"))
        for message in self.pool.do(task, wanted):
            if isinstance(message, Looked):
                yield replace(item, found=message.words, report=message.spec, figure=message.figure)
            elif isinstance(message, Failed):
                yield replace(item, found="" if message.reason == STOPPED else message.reason)
            else:
                yield message

    def restore(
        self, user: str, item: Item, settings: dict[str, Any], wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[Message | Item | None]:
        """The messages of a restoration, and at the end the item as it came out."""
        if not item.original.exists():
            yield replace(item, failure=GONE)
            return
        task = Restore(item.original, item.name, settings, self.fresh(user) / "restored.png")
        for message in self.pool.do(task, wanted):
            self.scratch.use(user)  # there is a message now and then, if only None
            if isinstance(message, Restored):
                before = task.target.with_name("before.png")
                blended(item.original, task.target, 0.0, before)
                yield replace(
                    item,
                    restored=task.target,
                    before=before,
                    told=told(message),
                    recipe=message.recipe,
                    found=message.words or item.found,
                    report=message.report or item.report,
                    failure="",
                )
            elif isinstance(message, Failed):
                yield replace(item, failure=message.reason)
            else:
                yield message

    def download(self, user: str, item: Item, share: float) -> Path:
        """The PNG of ``item`` in which the restored picture has ``share``."""
        if item.restored is None:
            raise DreamCleanError(f"{item.name} is not restored yet")
        if not item.restored.exists():
            raise DreamCleanError(GONE)
        self.scratch.use(user)
        folder = item.restored.with_name("download")  # one for all shares
        folder.mkdir(exist_ok=True)
        return blended(item.original, item.restored, share, folder / item.download_name)

    def archive(self, user: str, items: Sequence[Item], share: float) -> Path:
        """A ZIP of the PNGs of all that are restored."""
        target = self.fresh(user) / "restored.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as file:
            for item in items:
                if item.restored:
                    file.write(self.download(user, item, share), item.download_name)
        return target


def told(message: Restored) -> str:
    """A restoration in one line, with its warnings."""
    found = f"{message.words}; " if message.words else ""
    warned = "".join(f". Note: {warning}" for warning in message.warnings)
    return f"{found}{message.nfe} evaluations, {message.seconds:.1f} s{warned}"


def as_text(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, indent=2)
