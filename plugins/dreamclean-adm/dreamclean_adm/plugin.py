"""What the package registers. Keep it thin: the command line imports this file for its help."""

from typing import TYPE_CHECKING

from dreamclean import hookimpl
from dreamclean.host.hookspecs import Register

if TYPE_CHECKING:
    import typer


@hookimpl
def register_priors(register: Register) -> None:
    from dreamclean_adm.edm2_prior import EDM2
    from dreamclean_adm.prior import ADM

    register(ADM)
    register(EDM2)


@hookimpl
def register_commands(app: "typer.Typer") -> None:
    from dreamclean_adm.cli import adm

    app.add_typer(adm, name="adm")
