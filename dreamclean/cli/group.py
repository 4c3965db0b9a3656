"""The built-in commands, and those that plugins add. Heavy imports wait inside, so that ``--help`` is quick."""

from typing import Any

import typer
from typer.core import TyperGroup

from dreamclean.contracts.errors import DreamCleanError

STYLE: dict[str, Any] = {"rich_markup_mode": None, "context_settings": {"help_option_names": ["-h", "--help"]}}
"""How help looks, of the built-in commands and of the plugins'."""


def plugin_commands() -> dict[str, list[tuple[str, Any]]]:
    """What the plugins add: by name, each with its package."""
    from dreamclean.host.host import host

    return host().commands(lambda: typer.Typer(**STYLE))


class Commands(TyperGroup):
    """The built-in commands, and the plugins' once they are asked for.

    Where a name is taken, by a built-in command or by another plugin's, a plugin's is called ``package/name``.
    """

    _with_plugins = False

    def _add_plugins(self) -> None:
        if not self._with_plugins:
            built_in = set(self.commands)
            for name, found in plugin_commands().items():
                clash = name in built_in or len(found) > 1
                self.commands.update({f"{package}/{name}" if clash else name: command for package, command in found})
            self._with_plugins = True

    def list_commands(self, ctx: Any) -> list[str]:
        self._add_plugins()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands:
            self._add_plugins()
        choices = [name for name in self.commands if name.endswith(f"/{cmd_name}")]
        if choices and cmd_name not in self.commands:
            raise DreamCleanError(f"several packages have a command '{cmd_name}'; choose {' or '.join(choices)}")
        return super().get_command(ctx, cmd_name)
