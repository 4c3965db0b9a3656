"""What the package registers: the command ``app``."""

from typing import TYPE_CHECKING

from dreamclean import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def register_commands(app: "typer.Typer") -> None:
    from dreamclean_app.cli import app as command

    app.command("app")(command)
