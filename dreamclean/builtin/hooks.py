"""The hooks of the built-in kinds, one a kind."""

from dreamclean.host.hookspecs import Register, hookspec


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
def register_planners(register: Register) -> None:
    """Register ways to decide what a picture needs: subclasses of ``dreamclean.Planner``."""


@hookspec
def register_paths(register: Register) -> None:
    """Register orders in which levels are visited: subclasses of ``dreamclean.Path``."""


@hookspec
def register_spacings(register: Register) -> None:
    """Register ways to distribute noise levels: subclasses of ``dreamclean.Spacing``."""
