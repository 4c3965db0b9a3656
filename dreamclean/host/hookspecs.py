"""The hooks: what a plugin may implement. Import nothing heavy here; ``--help`` reads this file."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import typer

    from dreamclean.contracts.step import Step

hookspec = pluggy.HookspecMarker("dreamclean")
hookimpl = pluggy.HookimplMarker("dreamclean")

Register = Callable[[type[Any]], None]
"""What a hook is handed: call it with a component's class to register it."""


def components_hook() -> Callable[[Register], None]:
    """The hook of a kind that a plugin declares: ``register`` is called with each class."""

    @hookspec
    def register_components(register: Register) -> None:
        """Register components of this kind: call ``register`` with each subclass of its base class."""

    return register_components


@hookspec
def register_priors(register: Register) -> None:
    """Register model backends: call ``register`` with each subclass of ``dreamclean.Prior``."""


@hookspec
def register_initializers(register: Register) -> None:
    """Register ways from the measurement to the top noise level: subclasses of ``dreamclean.Initializer``."""


@hookspec
def register_correctors(register: Register) -> None:
    """Register moves of a latent within its noise level: subclasses of ``dreamclean.Corrector``."""


@hookspec
def register_samplers(register: Register) -> None:
    """Register steps from a noise level to the next lower one: subclasses of ``dreamclean.Sampler``."""


@hookspec
def register_operators(register: Register) -> None:
    """Register degradations: subclasses of ``dreamclean.Operator`` or ``dreamclean.LinearOperator``."""


@hookspec
def register_guidances(register: Register) -> None:
    """Register ways to bring an estimate into agreement with a measurement: subclasses of ``dreamclean.Guidance``."""


@hookspec
def register_kinds(declare: Callable[[str, str], None]) -> None:
    """Declare a kind of component of your own: call ``declare("method", "my_package.method:Method")``.

    The second argument is the kind's base class, a subclass of ``dreamclean.Component``, as
    ``module:Class``. Every plugin can then register components of it by a hook ``register_methods``, which is
    the kind's name with an s. A kind is called by a word of small letters, digits and underscores.
    """


@hookspec
def register_commands(app: "typer.Typer") -> None:
    """Add commands to the ``dreamclean`` command line: decorate functions with ``@app.command()``.

    One whose name is a built-in command's, or another package's, is called by ``package/name``.
    """


@hookspec
def on_step(step: "Step") -> None:
    """Be told of every step of a run: its number, level, latents, clean estimate and evaluations so far.

    One that raises is told of no more steps, which a line on standard error says; the run goes on.
    """
