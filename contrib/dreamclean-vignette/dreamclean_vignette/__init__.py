"""Lens vignetting for DreamClean."""

from dreamclean import hookimpl


@hookimpl
def register_operators(register):
    from dreamclean_vignette.vignette import Vignette

    register(Vignette)
