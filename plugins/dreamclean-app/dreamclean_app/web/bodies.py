"""What may come in: no request that is too large, and none that makes the server fetch from elsewhere."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dreamclean_app.limits import Limits

_TEXT = 8_000_000
"""Bytes of a request that is no upload: settings, a mask as text."""
_SPARE = 500_000_000
"""Bytes of the disk that uploads leave free."""
_UPLOAD = "/gradio_api/upload"
_POSTS = re.compile(r"/gradio_api/(upload|queue/join|run/predict|call/(v2/)?[^/]+|cancel|reset)/?")
"""What the page and its clients send; Gradio has more, for parts that are not on this page."""
_LOOKED_AFTER = 20_000_000
"""Bytes of an upload after which the room on the disk is looked at again."""
_FETCHES = re.compile(r"/(file=|proxy=|file/)\s*https?:", re.IGNORECASE)
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Bodies:
    """Refuses them with one line. ``folder`` is where uploads lie."""

    def __init__(self, app: ASGIApp, limits: Limits, folder: Path) -> None:
        self.app, self._limits, self._folder = app, limits, folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif _FETCHES.search(scope["path"]):
            await PlainTextResponse("addresses are not fetched; upload the file", 403)(scope, receive, send)
        elif scope["method"] == "POST" and (why := self._refused(scope)):
            await PlainTextResponse(why, 403)(scope, receive, send)
        elif scope["method"] == "POST" and scope["path"].startswith(_UPLOAD):
            if shutil.disk_usage(self._folder).free < _SPARE + _length(scope):
                await PlainTextResponse("no room for uploads; try again later", 507)(scope, receive, send)
            else:
                await self.app(scope, self._counted(receive), send)
        elif scope["method"] == "POST":
            await self._text(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _refused(self, scope: Scope) -> str:
        """Why a request is refused whatever it holds; empty if it is not."""
        if not _POSTS.fullmatch(scope["path"]):
            return "this page takes no such request"
        kinds = _header(scope, b"content-type")
        upload = scope["path"].startswith(_UPLOAD)
        if len(kinds) > 1 or bool(kinds and kinds[0].lower().startswith(b"multipart/")) != upload:
            return "files are uploaded, everything else is JSON"
        return ""

    def _counted(self, receive: Receive) -> Receive:
        """``receive`` up to what a request may hold and the disk has room for; then as if the user had left."""
        count = looked = 0

        async def counted() -> Message:
            nonlocal count, looked
            message = await receive()
            count += len(message.get("body", b""))
            full = False
            if count - looked > _LOOKED_AFTER:
                looked, full = count, shutil.disk_usage(self._folder).free < _SPARE
            return {"type": "http.disconnect"} if full or count > self._limits.bytes_a_request else message

        return counted

    async def _text(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request with JSON: all of it is read, looked at, and handed on."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > _TEXT:
                await PlainTextResponse(f"more than {_TEXT} bytes; upload files as files", 413)(scope, receive, send)
                return
            if not message.get("more_body"):
                break
        tables = list(tables_in(body))
        why = ""
        if not all(self._served(one) for one in tables):
            why = "this is no file that was uploaded here; upload it first"
        elif any(isinstance(layers := one.get("layers"), list) and len(layers) > 1 for one in tables):
            why = "there is one layer to paint on"  # Gradio would open all of them, and hold them at once
        if why:
            await PlainTextResponse(why, 400)(scope, receive, send)
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)

    def _served(self, table: dict[str, Any]) -> bool:
        """Whether it is an uploaded file, or no file at all. Gradio itself does not check that where it is mounted."""
        path = table.get("path")
        if not isinstance(path, str):
            return True
        if _ADDRESS.match(path):
            return False
        try:
            return "meta" not in table or self._folder in Path(path).resolve().parents
        except (OSError, ValueError):
            return False


def _length(scope: Scope) -> int:
    """Bytes that the request says it has; 0 if it does not say."""
    said = _header(scope, b"content-length")
    return int(said[0]) if said and said[0].isdigit() else 0


def _header(scope: Scope, wanted: bytes) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == wanted]


def tables_in(body: bytes) -> Iterator[dict[str, Any]]:
    """Every table in a JSON body; none if it is no JSON."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return
    todo = [found]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            yield one
            todo += one.values()
        elif isinstance(one, list):
            todo += one
