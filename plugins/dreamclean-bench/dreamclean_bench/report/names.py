"""Method names for people: the name, and the settings that distinguish it from others of that name."""

import re
from collections.abc import Iterable


def parts(method: str) -> tuple[str, list[str]]:
    """Name without its package, and settings, of ``package/name:key=value,key=value``."""
    name, _, settings = method.partition(":")
    return name.rpartition("/")[2], [item for item in settings.split(",") if item]


def is_ours(method: str) -> bool:
    """Whether it is one of DreamClean's rows."""
    return parts(method)[0].startswith("dreamclean")


def short_names(methods: Iterable[str]) -> dict[str, str]:
    """A label for each method: its name, and the settings that not all methods of that name share, in short."""
    methods = list(dict.fromkeys(methods))
    labels = {}
    for method in methods:
        name, settings = parts(method)
        alike = [set(parts(other)[1]) for other in methods if parts(other)[0] == name]
        own = [item for item in settings if len(alike) > 1 and item not in set.intersection(*alike)]
        labels[method] = " ".join([name, *map(_word, own)])
    clash = {label for label in labels.values() if list(labels.values()).count(label) > 1}
    return {method: method if label in clash else label for method, label in labels.items()}


def _word(setting: str) -> str:
    """``key=value`` in short: only the value if it is a word."""
    value = setting.partition("=")[2]
    return value if value[:1].isalpha() and value not in ("true", "false") else setting


def slug(text: str) -> str:
    """``text`` as part of a file name or an anchor."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower() or "x"
