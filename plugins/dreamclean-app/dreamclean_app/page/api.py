"""The HTTP interface: the functions of the page under names of their own, for programs. docs/app.md describes it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr

from dreamclean import DreamCleanError
from dreamclean.recipe.settings import KINDS
from dreamclean_app.blend import blended
from dreamclean_app.catalog import components
from dreamclean_app.names import plain
from dreamclean_app.page.errors import said
from dreamclean_app.page.expert import recipe_in
from dreamclean_app.page.session import Item
from dreamclean_app.page.studio import Studio
from dreamclean_app.pictures import opened
from dreamclean_app.work.tasks import Stepped


class Endpoints:
    """What the endpoints do."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def diagnose(self, picture: str, prior: str) -> tuple[str, Any, str | None]:
        """What is wrong with a picture: in words, as JSON, and drawn."""
        with self._call() as user:
            item = self._item(user, picture)
            *_, seen = self.studio.look(item, self.studio.settings({"prior": prior}))
            assert isinstance(seen, Item)
            if seen.report is None:
                raise DreamCleanError(seen.found)
            return seen.found, seen.report, str(seen.figure) if seen.figure else None

    def restore(
        self, picture: str, settings: Any, mask: str | None, keep: str | None, share: float
    ) -> Iterator[tuple[str | None, Any]]:
        """Restore a picture: meanwhile its steps as JSON, at the end the PNG and what was done."""
        with self._call() as user:
            item, own = self._item(user, picture), self.studio.settings(_table(settings))
            own |= self._masks({"mask": mask, "keep": keep})
            if not isinstance(share, int | float) or not 0 <= share <= 1:
                raise DreamCleanError("share is a number from 0 to 1")
            for message in self.studio.restore(user, item, own):
                if isinstance(message, Stepped):
                    yield None, {"step": message.index, "of": message.total, "left": message.left}
                elif isinstance(message, Item):
                    yield str(self.studio.download(user, _whole(message), share)), _about(message)

    def restore_many(self, pictures: list[str], settings: Any) -> Iterator[tuple[str | None, Any]]:
        """Restore pictures: meanwhile which one, at the end a ZIP of the PNGs, and what was done or failed, picture by picture."""
        with self._call() as user:
            own = self.studio.settings(_table(settings))
            items, refused = self.studio.take(user, pictures or [])
            if not items and not refused:
                raise DreamCleanError("give one picture or more")
            done = []
            for number, item in enumerate(items, 1):
                for message in self.studio.restore(user, item, own):
                    if isinstance(message, Item):
                        done.append(message)
                    yield None, {"picture": number, "of": len(items)}  # a caller who has left is noticed here
            about = [*map(_about, done), *({"status": "failed", "error": text} for text in refused)]
            yield str(self.studio.archive(user, done, 1.0)), about

    def blend(self, picture: str, restored: str, share: float) -> str:
        """A PNG between a picture and its restoration."""
        with self._call() as user:
            first, second = self._item(user, picture), self._item(user, restored)
            return str(blended(first.original, second.original, share, second.original.with_name("blend.png")))

    def recipe(self, file: str) -> Any:
        """The recipe of a restored PNG, or of a .toml or .json file."""
        with said():
            return recipe_in(Path(file or ""), self.studio)

    def components(self) -> Any:
        """The installed components by kind, each with its package, its summary and the JSON schema of its settings."""
        return {
            kind: {
                entry.name: {
                    "package": f"{entry.package} {entry.version}",
                    "summary": entry.component.summary(),
                    "settings": entry.component.model_json_schema().get("properties", {}),
                }
                for entry in components(kind)
            }
            for kind in KINDS
        }

    @contextmanager
    def _call(self) -> Iterator[str]:
        """The name under which one call keeps its files. They go a minute after it: what it returns is copied in that time."""
        user = f"call {uuid4()}"
        try:
            with said():
                yield user
        finally:
            self.studio.scratch.leave(user)

    def _item(self, user: str, path: str | None) -> Item:
        items, refused = self.studio.take(user, [path] if path else [])
        if not items:
            raise DreamCleanError(refused[0] if refused else "give a picture")
        return items[0]

    def _masks(self, given: dict[str, str | None]) -> dict[str, str]:
        """Uploaded masks, checked."""
        found = {name: path for name, path in given.items() if path}
        for path in found.values():
            opened(Path(path), plain(path), self.studio.limits)
        return found


def _table(settings: Any) -> dict[str, Any]:
    if not isinstance(settings or {}, dict):
        raise DreamCleanError('the settings are a table, for example {"detail": 0}')
    return dict(settings or {})


def _whole(item: Item) -> Item:
    if item.failure:
        raise DreamCleanError(f"{item.name}: {item.failure}")
    return item


def _about(item: Item) -> dict[str, Any]:
    if item.failure:
        return {"input": item.name, "status": "failed", "error": item.failure}
    return {"input": item.name, "status": "done", "summary": item.told, "report": item.report, "recipe": item.recipe}


def add_endpoints(studio: Studio) -> None:
    """Add the endpoints to the page that is being made; nothing of them is seen on it."""
    ends = Endpoints(studio)
    device: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": len(studio.pool.workers)}
    with gr.Row(visible=False):
        picture, restored, mask, keep, any_file = (
            gr.File(label=name) for name in ("picture", "restored", "mask", "keep", "file")
        )
        pictures, settings = gr.File(label="pictures", file_count="multiple"), gr.JSON(label="settings", value={})
        share, prior = gr.Number(1.0, label="share"), gr.Textbox("", label="prior")
        png, archive, about, words, figure = (
            gr.File(label="png"),
            gr.File(label="zip"),
            gr.JSON(label="about"),
            gr.Textbox(label="words"),
            gr.File(label="figure"),
        )

    def add(call: Callable[..., Any], inputs: list[Any], outputs: list[Any], **options: Any) -> None:
        gr.Button(visible=False).click(call, inputs, outputs, api_name=call.__name__, **options)

    add(ends.diagnose, [picture, prior], [words, about, figure], **device)
    add(ends.restore, [picture, settings, mask, keep, share], [png, about], **device)
    add(ends.restore_many, [pictures, settings], [archive, about], **device)
    add(ends.blend, [picture, restored, share], [png])
    add(ends.recipe, [any_file], [about])
    add(ends.components, [], [about])
