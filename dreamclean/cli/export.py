"""``dreamclean export``. Heavy imports wait inside, so that ``--help`` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from dreamclean.cli.options import Overwrite
from dreamclean.contracts.errors import DreamCleanError

_DARKTABLE_SIGMA = "25/255"
"""What darktable tells denoisers that ask for their noise (src/common/ai/restore_rgb.c)."""


Sigma = Annotated[
    str | None,
    typer.Option(help="Fixed standard deviation of the noise, on [0, 1] or like 25/255; none: it is a second input."),
]


def export(
    prior: Annotated[str, typer.Argument(metavar="PRIOR", help="The model, name:key=value,...")],
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="The file to write, *.onnx; with --darktable the folder.")
    ],
    sigma: Sigma = None,
    darktable: Annotated[
        bool,
        typer.Option(
            "--darktable", help=f"Write a folder for darktable; its sigma is {_DARKTABLE_SIGMA} unless given."
        ),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write the denoiser of a pixel-space prior as ONNX."""
    from dreamclean.builtin.priors import export as exporting
    from dreamclean.contracts.fraction import number
    from dreamclean.host.host import host
    from dreamclean.pictures.saving import check_free

    if not darktable and output.suffix.lower() != ".onnx":
        raise DreamCleanError(f"{output} is not named *.onnx; give a file name that is, or --darktable for a folder")
    target = output / "model.onnx" if darktable else output
    if not darktable or target.exists():  # its folder is made
        check_free(target, overwrite)
    said = sigma if sigma or not darktable else _DARKTABLE_SIGMA
    try:
        level = None if said is None else float(number(said))
    except ValueError:
        raise DreamCleanError(f"sigma {said} is no number; give 0.1 or 25/255") from None
    made = host().make("prior", prior)
    if darktable and level is not None:
        exporting.darktable(made, output, level)
    else:
        exporting.export(made, output, level)
    print(f"{output}: the denoiser of {made}" + (f" for sigma {said}" if said else ", with sigma as its second input"))
