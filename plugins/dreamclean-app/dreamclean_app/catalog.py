"""The components there are, looked for again when packages have come or gone."""

import importlib
import threading
from typing import Any

from dreamclean.contracts.component import CHAIN
from dreamclean.host.discovery import discover
from dreamclean.host.host import Entry, Host

_lock = threading.Lock()
_known: dict[str, Any] = {"packages": None, "host": None}


def current_host() -> Host:
    """The host of the packages that are installed now."""
    with _lock:
        importlib.invalidate_caches()
        packages = [plugin[:3] for plugin in discover()]
        if packages != _known["packages"]:
            _known.update(packages=packages, host=Host())
        host: Host = _known["host"]
        return host


def components(kind: str) -> list[Entry]:
    """Those of a kind, without the one that only holds others."""
    return [entry for entry in current_host().collect() if entry.kind == kind and entry.name != CHAIN]
