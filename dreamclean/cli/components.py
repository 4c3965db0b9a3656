"""``dreamclean plugins`` and ``dreamclean describe``. Heavy imports wait inside, so that ``--help`` is quick."""

import json
from typing import Annotated

import typer

from dreamclean.cli.group import plugin_commands
from dreamclean.cli.options import AsJson


def plugins(as_json: AsJson = False) -> None:
    """List every component and where it comes from, and the plugins that failed to load."""
    from dreamclean.host.host import host

    plugin_commands()  # one that fails there is reported as well
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
