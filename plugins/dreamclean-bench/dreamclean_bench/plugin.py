"""What the bench registers: the kind ``method``, the methods, an operator, and the command ``bench``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dreamclean import hookimpl

if TYPE_CHECKING:
    import typer

METHODS = {  # module: components
    "dreamclean": "DreamCleanBlind DreamCleanKnown",
    "baseline": "Input PseudoInverse Bicubic Lanczos DGP",
    "bm3d": "BM3D",
    "ddnm": "DDNM DDNMPlus",
    "ddrm": "DDRM",
    "ddrm_jpeg": "DDRMJPEG",
    "diffpir": "DiffPIR",
    "dps": "DPS",
    "gdp": "GDP",
    "network": "Network",
    "one_step": "OneStep",
    "pigdm": "PiGDM",
    "red": "RED",
    "snips": "SNIPS",
}


@hookimpl
def register_kinds(declare: Callable[[str, str], None]) -> None:
    declare("method", "dreamclean_bench.method:Method")


@hookimpl
def register_methods(register: Callable[[type[Any]], None]) -> None:
    from importlib import import_module

    for module, names in METHODS.items():
        for name in names.split():
            register(getattr(import_module(f"dreamclean_bench.methods.{module}"), name))


@hookimpl
def register_operators(register: Callable[[type[Any]], None]) -> None:
    from dreamclean_bench.ddrm_blur import DDRMBlur

    register(DDRMBlur)


@hookimpl
def register_commands(app: "typer.Typer") -> None:
    from dreamclean_bench.cli import bench

    app.add_typer(bench, name="bench")
