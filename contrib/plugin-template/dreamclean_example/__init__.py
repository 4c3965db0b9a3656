"""The plugin: what it registers. Imports of anything heavy wait inside the hooks."""

from dreamclean import hookimpl


@hookimpl
def register_operators(register):
    from dreamclean_example.interlaced import Interlaced

    register(Interlaced)
