"""What the plugin registers. Imports of anything heavy wait inside the hook, so that ``dreamclean --help`` stays quick."""

from dreamclean import hookimpl
from dreamclean.host.hookspecs import Register


@hookimpl
def register_{{ cookiecutter.kind }}s(register: Register) -> None:
    from {{ cookiecutter.__module }}.component import {{ cookiecutter.__class }}

    register({{ cookiecutter.__class }})
