"""Which plugins are installed, read from their entry points as metadata: nothing is imported."""

import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import entrypoints

GROUP = "dreamclean"


class Plugin(NamedTuple):
    """A plugin as its metadata describes it."""

    package: str
    version: str
    name: str
    load: Callable[[], Any]


def discover() -> list[Plugin]:
    """The installed plugins, in a fixed order, without importing them.

    ``DREAMCLEAN_PLUGINS``, a comma-separated list of packages, limits what is found; empty: none.
    """
    chosen = os.environ.get("DREAMCLEAN_PLUGINS")
    wanted = None if chosen is None else {canonical(part.strip()) for part in chosen.split(",")}
    found = [
        Plugin(
            canonical(e.distro.name if e.distro else e.module_name),
            e.distro.version if e.distro else "",
            e.name,
            e.load,
        )
        for e in entrypoints.get_group_all(GROUP)
    ]
    return sorted((p for p in found if wanted is None or p.package in wanted), key=lambda p: p[:3])


def canonical(package: str) -> str:
    """A package's name as people write it: ``my_plugin`` and ``My-Plugin`` are ``my-plugin`` (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()
