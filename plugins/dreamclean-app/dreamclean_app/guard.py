"""Settings that came from outside: none of them opens a file of this machine, or asks for more than it can carry."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dreamclean import DreamCleanError
from dreamclean.cli.planners import SHORTCUTS
from dreamclean.contracts.brief import brief
from dreamclean.contracts.component import Component, Spec, parse_spec
from dreamclean.contracts.errors import InvalidSetting
from dreamclean.host.host import Host
from dreamclean.recipe.settings import KINDS, check_names
from dreamclean_app.schema import fields_of

LARGEST = 1000
"""No number of a component or a step count is larger, except its seed: some would take memory without end."""
SAMPLES = 16
_CLOSED = {"device", "max_megapixels", "mask", "keep", "recipe"}
_CHAIN = 32
"""Operators in a chain."""
_LONGEST = 4096
"""Numbers in a list."""
_TEXT = 4_000_000
"""Characters; a mask as text is long."""


def check(settings: Mapping[str, Any], offered: Sequence[str], host: Host, trusting: bool = False) -> None:
    """DreamCleanError for settings of a run that are not for strangers to choose.

    ``offered``: the priors that may be chosen, as ``dreamclean app --prior`` has them. ``trusting``: files of this
    machine may be named.
    """
    check_names(settings.keys() - SHORTCUTS.keys())
    if closed := sorted(settings.keys() & _CLOSED):
        raise InvalidSetting(
            f"{closed[0]} cannot be set here: files are uploaded, and the rest is chosen with dreamclean app"
        )
    _within("steps", settings.get("steps"))
    _within("samples", settings.get("samples"), SAMPLES)
    for kind in KINDS:
        spec = settings.get(kind)
        if spec is not None:
            _check_component(kind, spec, offered, host, trusting)


def _check_component(kind: str, spec: Spec, offered: Sequence[str], host: Host, trusting: bool) -> None:
    for number, (name, values) in enumerate(_links(spec)):
        if number > _CHAIN:
            raise InvalidSetting(f"the {kind} has too many links; give {_CHAIN} at most")
        for setting, value in values.items():
            _within(f"{name}: {setting}", value, SAMPLES if setting == "samples" else LARGEST)
        if trusting:
            continue
        entry = host.find(kind, name)
        if kind == "prior":
            _check_prior(entry.component, name, values, offered, host)
        else:
            _check_no_file(entry.component, name, values)


def _links(spec: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and settings of a component, and of those that it holds."""
    if isinstance(spec, Component):
        raise InvalidSetting(f"{brief(spec)} is no text and no table")
    name, values = parse_spec(spec)
    held = values.pop("links", None)
    yield name, values
    for link in held if isinstance(held, list | tuple) else ():
        yield from _links(link)


def _check_prior(
    component: type[Any], name: str, values: Mapping[str, Any], offered: Sequence[str], host: Host
) -> None:
    """It is one of those offered, in every setting that is free text, such as its file."""
    free = [field for field in fields_of(component) if field.free]
    for other in offered:
        known, given = parse_spec(other)
        if host.find("prior", known).component is component and all(
            values.get(field.name, field.default) == given.get(field.name, field.default) for field in free
        ):
            return
    raise DreamCleanError(
        f"the prior {brief(name)} with these files is not offered here; choose another, "
        f"or start the app with --prior '{name}:...'"
    )


def _check_no_file(component: type[Any], name: str, values: Mapping[str, Any]) -> None:
    kinds = {field.name: field.kind for field in fields_of(component)}
    for setting, value in values.items():
        free = kinds.get(setting, "text") == "text"
        if value is not None and (kinds.get(setting) == "file" or (free and _names_file(value))):
            raise DreamCleanError(
                f"{name}: {setting} names a file of the machine that the app runs on; leave it out, or start the "
                "app with --trust if all who reach it may read its files"
            )


def _names_file(value: Any) -> bool:
    """Whether a text is the name of a file, by its form, so that nobody learns which files there are; or is one here."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        return False
    if value.startswith(("/", "~", "\\")) or value[1:3] in (":/", ":\\") or ".." in value:
        return True
    try:
        return Path(value).exists()
    except (OSError, ValueError):  # no name of a file
        return False


def _within(what: str, value: Any, most: float = LARGEST) -> None:
    """DreamCleanError for a number, or a list with one, that is larger, and for endless lists and texts."""
    if what.endswith("seed") or value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        if len(value) > _TEXT:
            raise InvalidSetting(f"{what} is {len(value)} characters long; shorten it")
        for part in value.split("/"):
            _within_number(what, part, most)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            _within(f"{what}.{key}", part, most)
    elif isinstance(value, Sequence):
        if len(value) > _LONGEST:
            raise InvalidSetting(f"{what} has {len(value)} values; give {_LONGEST} at most")
        for part in value:
            _within(what, part, most)
    else:
        _within_number(what, value, most)


def _within_number(what: str, value: Any, most: float) -> None:
    try:
        number = float(value)
    except (TypeError, ValueError):  # not a number; the component says so if it should be one
        return
    if not abs(number) <= most:
        raise InvalidSetting(f"{what} is {brief(value)}; give {most:g} at most")
