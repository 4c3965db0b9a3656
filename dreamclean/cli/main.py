"""The command line. Heavy imports wait inside the commands, so that ``--help`` is quick."""

import io
import json
import signal
import sys
import warnings
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from dreamclean.cli.calibrate import calibrate
from dreamclean.cli.diagnose import diagnose
from dreamclean.cli.explain import explain
from dreamclean.cli.export import export
from dreamclean.cli.options import AsJson, Inputs, Output, Overwrite, option
from dreamclean.cli.restore import restore
from dreamclean.contracts.errors import DreamCleanError, DreamCleanWarning
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.contracts.warn import show
from dreamclean.host.debug import debug, told
from dreamclean.version import __version__

if TYPE_CHECKING:
    from dreamclean.cli.jobs import Job


STYLE: dict[str, Any] = {"rich_markup_mode": None, "context_settings": {"help_option_names": ["-h", "--help"]}}
"""How help looks, of the built-in commands and of the plugins'."""


def _plugin_commands() -> dict[str, list[tuple[str, Any]]]:
    """What the plugins add: by name, each with its package."""
    from dreamclean.host.host import host

    return host().commands(lambda: typer.Typer(**STYLE))


class _Commands(TyperGroup):
    """The built-in commands, and the plugins' once they are asked for.

    Where a name is taken, by a built-in command or by another plugin's, a plugin's is called ``package/name``.
    """

    _with_plugins = False

    def _add_plugins(self) -> None:
        if not self._with_plugins:
            built_in = set(self.commands)
            for name, found in _plugin_commands().items():
                clash = name in built_in or len(found) > 1
                self.commands.update({f"{package}/{name}" if clash else name: command for package, command in found})
            self._with_plugins = True

    def list_commands(self, ctx: Any) -> list[str]:
        self._add_plugins()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands:
            self._add_plugins()
        choices = [name for name in self.commands if name.endswith(f"/{cmd_name}")]
        if choices and cmd_name not in self.commands:
            raise DreamCleanError(f"several packages have a command '{cmd_name}'; choose {' or '.join(choices)}")
        return super().get_command(ctx, cmd_name)


app = typer.Typer(cls=_Commands, **STYLE)


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


app.command()(diagnose)
app.command()(calibrate)
app.command()(export)


app.command()(restore)
app.command()(explain)


@app.command()
def degrade(
    sources: Inputs,
    output: Output = None,
    operator: Annotated[str | None, option("operator")] = None,
    noise: Annotated[str | None, option("noise")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the measurement noise.")] = 0,
    max_megapixels: Annotated[float | None, option("max_megapixels")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make a degraded picture, to try restorations on."""
    from dreamclean.cli.jobs import plan
    from dreamclean.cli.outcome import one_by_one
    from dreamclean.cli.run import run
    from dreamclean.cli.streams import check_streams, reading, writing

    check_streams(sources, output, as_json)
    jobs, done = plan(sources, output, "degraded", overwrite)
    if not jobs:
        raise typer.Exit(0 if run([], done, as_json, lambda r: "") else 2)
    import torch

    from dreamclean.host.host import host
    from dreamclean.pictures.picture import Picture, save
    from dreamclean.recipe.noise import with_noise

    degradation = with_noise(host().make("operator", operator or "identity"), noise)
    if not degradation.viewable:
        raise DreamCleanError(f"a measurement of {degradation.name} is not a picture; compute it in Python")

    def one(job: "Job") -> dict[str, Any]:
        with reading(job.source) as source, writing(job.target) as target:
            picture = Picture.open(source, max_megapixels)
            measured = degradation.measure(picture.pixels, torch.Generator().manual_seed(seed))
            shown = measured[:, :1] if picture.grey else measured  # the mean of three would have less noise
            save(picture.with_pixels(shown, keep_grey=False), target)
        return {"operator": degradation.spec(), "seed": seed}

    raise typer.Exit(0 if run(one_by_one(jobs, one), done, as_json, lambda r: str(degradation)) else 2)


@app.command()
def plugins(as_json: AsJson = False) -> None:
    """List every component and where it comes from, and the plugins that failed to load."""
    from dreamclean.host.host import host

    _plugin_commands()  # one that fails there is reported as well
    entries = [e._asdict() for e in host().collect()]
    for entry in entries:
        entry["summary"] = entry.pop("component").summary()
    failures = [{"plugin": key, "error": error} for key, error in host().failures.items()]
    if as_json:
        print(json.dumps({"components": entries, "failures": failures}))
        return
    rows = [[e["kind"], e["name"], f"{e['package']} {e['version']}", e["summary"]] for e in entries]
    _table(["KIND", "NAME", "PACKAGE", "SUMMARY"], rows)
    for failure in failures:
        print(f"\nfailed: {failure['plugin']}: {failure['error']}")


@app.command()
def describe(
    component: Annotated[str, typer.Argument(metavar="[KIND/]NAME", help="For example corrector/vps, or vps.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON schema of the settings.")] = False,
) -> None:
    """Describe a component and its settings: types, bounds, defaults and units."""
    from dreamclean.host.describe import describe_text, find
    from dreamclean.host.host import host

    entry = find(host(), component)
    print(json.dumps(entry.component.model_json_schema()) if as_json else describe_text(entry))


def _table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head) - 1)]
    for row in [head, *rows]:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))


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
