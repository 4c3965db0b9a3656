"""What the package registers. Keep it thin: the command line imports this file for its help."""

from dreamclean import hookimpl
from dreamclean.host.hookspecs import Register


@hookimpl
def register_priors(register: Register) -> None:
    from dreamclean_starter.prior import Starter

    register(Starter)


@hookimpl
def defaults() -> dict[str, str]:
    return {"prior": "dreamclean-starter/starter"}
