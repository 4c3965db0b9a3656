"""The command line. Heavy imports wait inside the commands, so that ``--help`` is quick."""

import io
import signal
import sys
import warnings
from typing import Annotated

import typer

from dreamclean.cli.calibrate import calibrate
from dreamclean.cli.components import describe, plugins
from dreamclean.cli.degrade import degrade
from dreamclean.cli.diagnose import diagnose
from dreamclean.cli.explain import explain
from dreamclean.cli.export import export
from dreamclean.cli.group import STYLE, Commands
from dreamclean.cli.restore import restore
from dreamclean.contracts.errors import DreamCleanError, DreamCleanWarning
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.contracts.warn import show
from dreamclean.host.debug import debug, told
from dreamclean.version import __version__

app = typer.Typer(cls=Commands, **STYLE)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"dreamclean {__version__}")
        raise typer.Exit


@app.callback()
def dreamclean(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Version.")] = False,
    tracebacks: Annotated[
        bool, typer.Option("--debug", callback=debug, is_eager=True, help="Show where errors come from.")
    ] = False,
) -> None:
    """Restore degraded pictures with a diffusion prior, blind or with a known degradation."""


for command in (diagnose, calibrate, export, restore, explain, degrade, plugins, describe):
    app.command()(command)


class _Terminated(BaseException):
    """SIGTERM. Not SystemExit, which a plugin that fails to load may raise as well."""


def _terminate(*_: object) -> None:
    raise _Terminated


def main() -> None:
    """Run the command line: one line and status 2 for bad input, nothing half written when stopped."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DreamCleanWarning)
        warnings.showwarning = show
        status = _run()
    sys.exit(status)


def _run() -> int:
    """The exit status of the command."""
    signal.signal(signal.SIGTERM, _terminate)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file may have any name
    try:
        status = app(sys.argv[1:] or ["--help"], prog_name="dreamclean", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except _Terminated:
        status = 143
    except (DreamCleanError, OSError) as error:
        print(f"error: {told(error)}", file=sys.stderr)
        status = 2
    except Exception as error:
        usage = getattr(error, "format_message", None)  # of an error in how the command was written
        if not usage and not lacks_memory(error):
            raise
        print(f"error: {usage()} (see dreamclean --help)" if usage else f"error: {told(error)}", file=sys.stderr)
        status = 2
    if status in (130, 143):
        print("stopped; run the same command again to continue", file=sys.stderr)
    return int(status or 0)
