"""The hooks: what a plugin may implement. Import nothing heavy here; ``--help`` reads this file."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    import typer

    from dreamclean.contracts.step import Step

hookspec = pluggy.HookspecMarker("dreamclean")
hookimpl = pluggy.HookimplMarker("dreamclean")

Register = Callable[[type[Any]], None]
"""The argument of a hook: call it with a component's class to register it."""


class Declare(Protocol):
    """Declares a kind: its name, its base class as ``module:Class``, and its hook's specification if it has its own."""

    def __call__(self, kind: str, base: str, spec: Callable[[Register], None] | None = None) -> None: ...


def components_hook() -> Callable[[Register], None]:
    """The hook of a kind that a plugin declares: ``register`` is called with each class."""

    @hookspec
    def register_components(register: Register) -> None:
        """Register components of this kind: call ``register`` with each subclass of its base class."""

    return register_components


@hookspec
def register_kinds(declare: Declare) -> None:
    """Declare a kind of component of your own: call ``declare("method", "my_package.method:Method")``.

    The second argument is the kind's base class, a subclass of ``dreamclean.Component``, as
    ``module:Class``. Every plugin can then register components of it by a hook ``register_methods``, which is
    the kind's name with an s. A kind's name consists of small letters, digits and underscores.
    """


@hookspec
def defaults() -> dict[str, str]:  # type: ignore[empty-body]
    """Offer the components that run by default: a dict of kinds and names, ``{"prior": "my-package/model"}``."""


@hookspec
def register_commands(app: "typer.Typer") -> None:
    """Add commands to the ``dreamclean`` command line: decorate functions with ``@app.command()``.

    A command with the name of a built-in command, or of another package's command, is called as ``package/name``.
    """


@hookspec
def on_step(step: "Step") -> None:
    """Receive every step of a run: its number, level, latents, posterior mean and evaluations so far.

    If the hook raises an error, a warning is printed, the hook is not called again, and the run continues.
    """
