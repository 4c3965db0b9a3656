"""The report of a results file: Markdown, CSV, one HTML page, and the pictures that the Markdown shows."""

from pathlib import Path

from dreamclean import DreamCleanError
from dreamclean.pictures.picture import write_atomically
from dreamclean_bench.report.tables import Table, tabulate
from dreamclean_bench.store import Row, Store

TITLE = "DreamClean bench"


def write_report(store: Store, folder: Path, command: str = "", title: str = "") -> list[Path]:
    """Write report.md, cells.csv, summary.csv, report.html and images/ into ``folder``; the paths written.

    Where DreamClean ran beside other methods, paired.csv with the differences image by image; where methods ran blind and
    with the operator, share.csv and a plot of the share that is reached blind too; where a task was run at several sizes,
    a plot over them.

    ``command``: what made the results, shown as it is. Raises DreamCleanError for a store without results and
    for a folder that cannot be written.
    """
    from dreamclean_bench.report import csv_files, over_sizes, paired, share
    from dreamclean_bench.report.layout import layout
    from dreamclean_bench.report.markdown import markdown
    from dreamclean_bench.report.page import data_uri, page
    from dreamclean_bench.report.pictures import pictures

    rows = store.rows()
    tables = tabulate(rows)
    sheets = [(table, layout(table)) for table in tables]
    drawn = {index: pictures(store, table, _stem(tables, index)) for index, table in enumerate(tables)}
    linked = {index: [(p.caption, f"images/{p.file}") for p in found] for index, found in drawn.items()}
    inline = {index: [(p.caption, p.address, p.kind) for p in found] for index, found in drawn.items()}
    head = (title or TITLE, command, versions(rows))
    compared = paired.compared(tables)
    beside = paired.sheet(compared)
    reached = share.shares(tables)
    bars = share.plot(reached)
    overview = [(share.CAPTION, "images/share.png")] if bars else []
    inlined = [(share.CAPTION, data_uri(bars["svg"], "svg+xml"), "plot")] if bars else []
    grown = {}
    for same in over_sizes.several_sizes(tables):
        name = f"{_stem(tables, tables.index(same[0]))}-sizes"
        grown[name], caption = over_sizes.plot(same), over_sizes.CAPTION.format(same[0].task)
        overview.append((caption, f"images/{name}.png"))
        inlined.append((caption, data_uri(grown[name]["svg"], "svg+xml"), "plot"))
    files = {
        "report.md": markdown(*head, sheets, linked, overview, beside).encode(),
        "cells.csv": csv_files.cells(rows).encode(),
        "summary.csv": csv_files.summary(tables).encode(),
        "report.html": page(*head, sheets, inline, inlined, beside).encode(),
        **{f"images/{p.file}": p.data for found in drawn.values() for p in found},
        **{f"images/{name}.png": made["png"] for name, made in grown.items()},
        **({"paired.csv": paired.as_csv(compared).encode()} if beside else {}),
        **({"share.csv": share.as_csv(reached).encode()} if reached else {}),
        **({"images/share.png": bars["png"]} if bars else {}),
    }
    return _write(folder, files)


def versions(rows: list[Row]) -> list[str]:
    """``package version`` of everything that made the rows; several versions of one package stand side by side."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for package, version in row.versions.items():
            found.setdefault(package, {})[version] = None
    return [f"{package} {' and '.join(found[package])}" for package in sorted(found)]


def _stem(tables: list[Table], index: int) -> str:
    """What the names of a table's picture files begin with: its task, numbered where there are several."""
    from dreamclean_bench.report.names import slug

    names = [slug(table.task) for table in tables]
    before = names[:index].count(names[index])
    return names[index] if names.count(names[index]) == 1 else f"{names[index]}-{before + 1}"


def _write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            write_atomically(folder / name, data)
    except OSError as error:
        raise DreamCleanError(
            f"the report could not be written to {folder} ({error.strerror}); choose another folder"
        ) from error
    return [folder / name for name in files]
