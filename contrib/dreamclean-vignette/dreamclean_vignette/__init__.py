"""Lens vignetting for DreamClean."""

from dreamclean import hookimpl
from dreamclean.host.hookspecs import Register


@hookimpl
def register_operators(register: Register) -> None:
    from dreamclean_vignette.vignette import Vignette

    register(Vignette)
