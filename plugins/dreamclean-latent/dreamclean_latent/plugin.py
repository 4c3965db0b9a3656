"""What the package registers. Keep it thin: the command line imports this file for its help."""

from dreamclean import hookimpl
from dreamclean.host.hookspecs import Register


@hookimpl
def register_priors(register: Register) -> None:
    from dreamclean_latent.prior import Latent

    register(Latent)
