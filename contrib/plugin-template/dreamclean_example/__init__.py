"""The plugin: what it registers. Imports of anything heavy wait inside the hooks."""

from dreamclean import hookimpl
from dreamclean.host.hookspecs import Register


@hookimpl
def register_operators(register: Register) -> None:
    from dreamclean_example.interlaced import Interlaced

    register(Interlaced)
