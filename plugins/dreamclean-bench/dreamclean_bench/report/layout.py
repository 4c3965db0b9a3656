"""The words of a table, from which Markdown and HTML are made: entries, the best of each column, footnotes."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from dreamclean_bench.report.means import Stat
from dreamclean_bench.report.names import is_ours
from dreamclean_bench.report.paper import MISSING, Figures, row_of, tables_with
from dreamclean_bench.report.tables import Line, Table

NOTHING = "—"
COLUMNS: dict[str, tuple[str, int | None, bool | None, bool]] = {
    # heading: measure, decimals (None: three digits), whether more is better (None: no contest),
    # whether errors are shown
    "PSNR ↑": ("psnr", 2, True, True),
    "SSIM ↑": ("ssim", 3, True, True),
    "LPIPS ↓": ("lpips", 3, False, True),
    "NFE": ("nfe", None, False, False),
    "seconds": ("seconds", None, False, False),
    "s in prior": ("prior_seconds", None, False, False),
    "peak MiB": ("memory", 0, None, False),
}
LEGEND = (
    "Means over images ± standard error. **Bold** figures are the best of their column among the methods whose "
    "means are over all of the table's images (for NFE and times: among those that use the prior); "
    "**bold** methods are DreamClean's. Seconds and evaluations (NFE) are per image. Peak memory on a GPU is that of "
    "its tensors, on a CPU that of the whole process, including memory that earlier methods did not free."
)
CAVEAT = (
    "Columns headed 'paper' are from the paper (DreamClean, ICLR 2024), by table. Its priors and test "
    "pictures (CelebA, ImageNet, LSUN bedroom, SIDD) are not those used here, so "
    f"its figures give a rough idea only: a difference does not show which method is better. '{MISSING}': the paper has "
    "the figure, but this package does not."
)


@dataclass(frozen=True)
class Entry:
    """One entry of a table."""

    text: str
    best: bool = False
    notes: tuple[int, ...] = ()
    """Numbers of footnotes, from 1."""


@dataclass
class Sheet:
    """A table's words: a heading, then for each method whether it is DreamClean's, and its entries."""

    head: list[str]
    lines: list[tuple[bool, list[Entry]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> int:
        """The number of the footnote ``text``."""
        if text not in self.notes:
            self.notes.append(text)
        return self.notes.index(text) + 1


def layout(table: Table) -> Sheet:
    """The words of ``table``, with the paper's figures in columns of their own."""
    found = tables_with(table.task)
    paper = {name: rows for name, rows in found.items() if any(row_of(line.method, rows) for line in table.lines)}
    sheet = Sheet(["method", *COLUMNS, table.unit, *(f"paper: {name}" for name in paper)])
    bests = {heading: _best(table, heading) for heading in COLUMNS}
    for line in table.lines:
        entries = [Entry(line.method, notes=_line_notes(sheet, table, line))]
        entries += [_entry(sheet, line, heading, bests[heading]) for heading in COLUMNS]
        entries += [Entry(_images(table, line))]
        entries += [Entry(_beside(line, rows)) for rows in paper.values()]
        sheet.lines.append((is_ours(line.method), entries))
    for name, rows in paper.items():
        present = {row_of(line.method, rows) for line in table.lines}
        if lacking := [f"{row} ({rows[row]})" for row in rows if row not in present]:
            sheet.notes.append(f"The paper's {name} also has: {'; '.join(lacking)}.")
    return sheet


def _beside(line: Line, rows: dict[str, Figures]) -> str:
    row = row_of(line.method, rows)
    return f"{row}: {rows[row]}" if row else NOTHING


def _best(table: Table, heading: str) -> Callable[[Line], bool]:
    """Whether a line's entry is the best of the column, to the decimals that are shown."""
    measure, decimals, more, quality = COLUMNS[heading]
    if more is None:
        return lambda line: False

    def comparable(line: Line) -> bool:
        asked = (line.stat("nfe").mean or 0) > 0
        return table.full(line) and not line.lacking(measure) and (quality or asked)

    means = {line.method: line.stat(measure).mean for line in table.lines if comparable(line)}
    known = [mean for mean in means.values() if mean is not None]
    if len(known) < 2:
        return lambda line: False
    top = number(max(known) if more else min(known), decimals)
    return lambda line: means.get(line.method) is not None and number(means[line.method], decimals) == top


def number(figure: float | None, decimals: int | None) -> str:
    """A figure to ``decimals``, or to three digits; a dash for none."""
    if figure is None:
        return NOTHING
    if math.isinf(figure):
        return "∞"
    if decimals is None:
        decimals = 0 if figure >= 100 or figure == round(figure) else 1 if figure >= 10 else 2
    return f"{figure:.{decimals}f}"


def _entry(sheet: Sheet, line: Line, heading: str, best: Callable[[Line], bool]) -> Entry:
    measure, decimals, _, with_error = COLUMNS[heading]
    if not line.done:
        return Entry(_absence(line) if measure == "psnr" else NOTHING)
    found = line.stat(measure)
    text = number(found.mean, decimals)
    if with_error and found.error is not None:
        text += f" ± {number(found.error, decimals)}"
    return Entry(text, best(line), _stat_notes(sheet, line, heading, found))


def _absence(line: Line) -> str:
    failed, refused = line.count("failed"), line.count("refused")
    said = [f"failed ({failed})" if failed else "", "refused" if refused else ""]
    return ", ".join(filter(None, said)) or NOTHING


def _images(table: Table, line: Line) -> str:
    text = f"{len(line.done)} of {len(table.cells)}"
    return ", ".join([text, *(f"{line.count(s)} {s}" for s in ("failed", "refused") if line.count(s))])


def _line_notes(sheet: Sheet, table: Table, line: Line) -> tuple[int, ...]:
    notes = []
    for status in ("refused", "failed"):
        for reason, count in line.reasons(status).items():
            where = f" on {count} of {len(table.cells)} images" if len(line.rows) > count or status == "failed" else ""
            notes.append(sheet.note(f"{status}{where}: {_clipped(reason)}"))
    if line.done and not table.full(line):
        notes.append(
            sheet.note(
                f"mean over {len(line.samples)} of the {len(table.samples)} {table.unit} that other methods have: "
                "not comparable with theirs, and never marked as the best"
            )
        )
    return tuple(notes)


def _stat_notes(sheet: Sheet, line: Line, heading: str, found: Stat) -> tuple[int, ...]:
    name, decimals = heading.split(maxsplit=1)[0], COLUMNS[heading][1]
    notes = []
    if found.infinite:
        text = f"{name} is infinite on {found.infinite} of {found.n} images, which came back unchanged"
        if found.finite_mean is not None:
            text += f"; the mean over the others is {number(found.finite_mean, decimals)}"
        notes.append(sheet.note(text))
    if heading in list(COLUMNS)[:3] and (lacking := line.lacking(COLUMNS[heading][0])):
        notes.append(sheet.note(f"{name} could not be computed on {lacking} of {len(line.done)} images"))
    return tuple(notes)


def _clipped(text: str, limit: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
