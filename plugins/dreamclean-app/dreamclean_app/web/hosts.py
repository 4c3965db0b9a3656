"""For which names of this machine a request may be, and from which pages."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Hosts(TrustedHostMiddleware):  # type: ignore[misc]
    """Refuses requests for other names, as pages make them that try to reach this machine by its address, and other pages' own.

    A browser sends what a page of another address posts here, and only keeps the answer from it. ``everywhere``: it serves
    on all addresses of this machine. A request for an address as such comes from no page that tries, which has a name.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str], everywhere: bool) -> None:
        super().__init__(app, allowed_hosts, www_redirect=False)
        self._everywhere = everywhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None and scope.get("method") not in ("GET", "HEAD") and not self._ours(origin, host):
            await PlainTextResponse("another page may not use this one", 403)(scope, receive, send)
        elif self._everywhere and _is_address(_place(f"//{host}")[1]):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _ours(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` is this one, under whichever name; behind another server ``host`` may be that one's."""
        place, name = _place(origin)
        return self.allow_any or place == host.lower() or name in self.allowed_hosts


def _place(address: str) -> tuple[str, str]:
    """Host and port of an address, and the host alone; empty if it is none."""
    try:
        parts = urlsplit(address.lower())
        return parts.netloc, parts.hostname or ""
    except ValueError:
        return "", ""


def _is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False
