"""The user's own defaults: a TOML file with a line for each kind of component, ``prior = "NAME"``."""

import os
import tomllib
from pathlib import Path

from dreamclean.contracts.errors import DreamCleanError


def config_file() -> Path:
    """``$DREAMCLEAN_CONFIG``, else ``dreamclean/config.toml`` in the system's folder for user settings."""
    own = os.environ.get("DREAMCLEAN_CONFIG")
    return (
        Path(own)
        if own
        else Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config", "dreamclean", "config.toml").expanduser()
    )


def configured() -> dict[str, str]:
    """The file's settings; empty if there is no file. DreamCleanError if it cannot be read."""
    file = config_file()
    if not file.is_file():
        return {}
    try:
        found = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise DreamCleanError(f"{file} cannot be read ({error})") from error
    if odd := [name for name, value in found.items() if not isinstance(value, str)]:
        raise DreamCleanError(f'{file}: {odd[0]} is not a string; write {odd[0]} = "NAME"')
    return found
