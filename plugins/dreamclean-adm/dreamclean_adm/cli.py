"""``dreamclean adm``: convert published checkpoints. Heavy imports wait inside the command."""

from pathlib import Path
from typing import Annotated

import typer

adm = typer.Typer(no_args_is_help=True, help="Checkpoints of guided-diffusion and DDPM.", rich_markup_mode=None)


@adm.callback()
def _group() -> None:
    """Checkpoints of guided-diffusion and DDPM."""


@adm.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A published checkpoint, .pt or .ckpt.")],
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    settings: Annotated[
        str, typer.Option("--with", help="Settings of the prior: preset=NAME or heads=4,betas=cosine,...")
    ] = "",
) -> None:
    """Write a checkpoint as safetensors with a config, a folder that the prior's path may name."""
    from dreamclean.contracts.component import parse_spec
    from dreamclean_adm.files import check_free, write
    from dreamclean_adm.prior import ADM

    check_free(folder)
    prior = ADM(**{**parse_spec(f"adm:{settings}")[1], "path": str(source)})
    config, network = prior.parts()
    write(folder, network.state_dict(), config)
    count = sum(tensor.numel() for tensor in network.parameters())
    print(f"{folder}: {count / 1e6:.1f} million parameters; use it with --prior adm:path={folder}")
