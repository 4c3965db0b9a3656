"""What the package registers: the command ``ray``."""

from typing import TYPE_CHECKING

from dreamclean import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def register_commands(app: "typer.Typer") -> None:
    from dreamclean_ray.cli import ray

    app.add_typer(ray, name="ray")
