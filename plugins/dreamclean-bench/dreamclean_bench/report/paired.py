"""DreamClean beside each other method, image by image: the mean difference, and whether chance explains it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from dreamclean_bench.report.csv_files import csv_text, seeds
from dreamclean_bench.report.layout import NOTHING, Entry, Sheet, number
from dreamclean_bench.report.means import stat
from dreamclean_bench.report.names import is_ours, parts, short_names
from dreamclean_bench.report.tables import Line, Table

MEASURES = {"psnr": ("PSNR", 2, True), "lpips": ("LPIPS", 3, False)}
"""Measure: its name, decimals, and whether more is better."""
CLOSE = {"psnr": lambda ours, theirs: ours >= theirs - 0.1, "lpips": lambda ours, theirs: ours <= theirs * 1.03}
"""Whether ours is the best, or as good as the best: within 0.1 dB, within 3 %."""
LEGEND = (
    "For each task DreamClean and the best of the other methods, one for PSNR and one for LPIPS: the mean of the differences "
    "image by image ± its standard error, and p of the two-sided Wilcoxon signed-rank test, which asks how easily chance "
    "alone would give differences like these. Methods that have restored all of a task's pictures take part. **Bold**: DreamClean is the best, or within 0.1 dB, or within 3 % of LPIPS. "
    "Every pair is in [paired.csv](paired.csv)."
)


@dataclass(frozen=True)
class Paired:
    """The differences of a measure between two methods, ours minus theirs, over the images that both have restored."""

    measure: str
    ours: Line
    theirs: Line
    n: int
    mean: float | None
    """None where a figure is infinite."""
    error: float | None
    """Standard error of ``mean``; None for one image."""
    p: float | None
    """Of the two-sided Wilcoxon signed-rank test; None for fewer than six images, which can prove nothing."""


def paired(ours: Line, theirs: Line, measure: str) -> Paired | None:
    """The differences over images (each the mean over its seeds); None where there is none, or one lacks a figure."""
    mine, other = ours.by_image(measure), theirs.by_image(measure)
    found = [(mine[image], other[image]) for image in mine.keys() & other.keys()]
    figures = [(a, b) for a, b in found if a is not None and b is not None]
    if not figures or len(figures) < len(found):
        return None
    if not all(math.isfinite(a) and math.isfinite(b) for a, b in figures):
        return Paired(measure, ours, theirs, len(figures), None, None, None)
    differences = [a - b for a, b in figures]
    known = stat(differences)
    return Paired(measure, ours, theirs, known.n, known.mean, known.error, _p(differences))


def _p(differences: list[float]) -> float | None:
    if len(differences) < 6:
        return None
    if not any(differences):
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences).pvalue)


def standing_for_us(table: Table) -> Line | None:
    """The line that is compared: DreamClean told the operator as it comes, else with settings, else the blind one.

    None where it lacks some of the table's pictures.
    """
    ours = [line for line in table.lines if is_ours(line.method) and _takes_part(line)]

    def rank(line: Line) -> tuple[bool, bool]:
        name, settings = parts(line.method)
        return name != "dreamclean-known", bool(settings)

    first = min(ours, key=rank, default=None)
    return first if first and table.full(first) else None


def pairs(table: Table) -> list[Paired]:
    """DreamClean beside every other method that has restored all of the table's images, by each of ``MEASURES``."""
    ours = standing_for_us(table)
    if ours is None:
        return []
    others = [line for line in table.lines if _is_rival(line.method) and table.full(line)]
    found = [paired(ours, line, measure) for measure in MEASURES for line in others]
    return [each for each in found if each is not None]


def _is_rival(method: str) -> bool:
    """Whether it is a method of somebody else's, which the degraded picture itself is not."""
    return not is_ours(method) and parts(method)[0] != "input"


def compared(tables: Iterable[Table]) -> list[tuple[Table, list[Paired]]]:
    """The tables that have DreamClean and others, each with its pairs, of which an unfinished table may have none."""
    both = [
        table
        for table in tables
        if {is_ours(line.method) for line in table.lines if _takes_part(line)} == {True, False}
    ]
    return [(table, pairs(table)) for table in both]


def _takes_part(line: Line) -> bool:
    """Whether a method of ours or of others has restored something, or failed."""
    return (is_ours(line.method) or _is_rival(line.method)) and bool(line.done or line.count("failed"))


def unfinished(table: Table) -> list[Line]:
    """The methods that lack some of the pictures that others have restored, and so are not compared."""
    return [line for line in table.lines if _takes_part(line) and not table.full(line)]


def best_rival(found: Iterable[Paired], measure: str) -> Paired | None:
    """The pair with the other method that has the best mean of ``measure``."""
    of = [pair for pair in found if pair.measure == measure]
    more = MEASURES[measure][2]
    return max(of, key=lambda pair: _mean(pair.theirs, measure) * (1 if more else -1), default=None)


def _mean(line: Line, measure: str) -> float:
    mean = line.stat(measure).mean
    assert mean is not None
    return mean


def sheet(of: Iterable[tuple[Table, list[Paired]]]) -> Sheet | None:
    """A line for each of the tables that were ``compared``; None if there is none that has both measures."""
    heads = [
        f"{name} {'↑' if more else '↓'}: {what}"
        for name, _, more in MEASURES.values()
        for what in ("DreamClean", "best other", "difference", "p")
    ]
    made, good, tasks, lacking = Sheet(["task", "NFE", *heads]), 0, 0, []
    for table, found in of:
        best = {measure: best_rival(found, measure) for measure in MEASURES}
        labels = short_names(line.method for line in table.lines)
        lacking += [f"{labels[line.method]} on {table.task}" for line in unfinished(table)]
        if not all(best.values()):
            continue
        nfe = found[0].ours.stat("nfe").mean
        entries, close = [Entry(table.label)], []
        entries.append(Entry(number(nfe, None)))
        for pair in best.values():
            assert pair is not None
            close.append(CLOSE[pair.measure](_mean(pair.ours, pair.measure), _mean(pair.theirs, pair.measure)))
            entries += _entries(pair, labels, close[-1])
        made.lines.append((False, entries))
        tasks, good = tasks + 1, good + all(close)
    if not tasks:
        return None
    made.notes.append(f"On {good} of {tasks} tasks DreamClean is the best or as good as the best in both.")
    if lacking:
        made.notes.append(f"Not compared, as pictures are lacking: {', '.join(lacking)}.")
    return made


def _entries(pair: Paired, labels: dict[str, str], close: bool) -> list[Entry]:
    decimals = MEASURES[pair.measure][1]
    theirs = f"{labels[pair.theirs.method]} {number(_mean(pair.theirs, pair.measure), decimals)}"
    error = "" if pair.error is None else f" ± {number(pair.error, decimals)}"
    return [
        Entry(number(_mean(pair.ours, pair.measure), decimals), best=close),
        Entry(theirs),
        Entry(NOTHING if pair.mean is None else f"{pair.mean:+.{decimals}f}{error}"),
        Entry(NOTHING if pair.p is None else f"{pair.p:.2g}"),
    ]


def as_csv(of: Iterable[tuple[Table, list[Paired]]]) -> str:
    """Every pair: task, prior, size, seeds, measure, both methods, images, difference, standard error, p."""
    head = ["task", "prior", "size", "seeds", "measure", "ours", "theirs", "n", "difference", "standard_error", "p"]
    lines: list[list[object]] = []
    for table, found in of:
        for pair in found:
            figures = ["" if v is None else f"{v:.5g}" for v in (pair.mean, pair.error, pair.p)]
            methods = [pair.measure, pair.ours.method, pair.theirs.method]
            lines.append([table.task, table.prior, table.size, seeds(table), *methods, pair.n, *figures])
    return csv_text(head, lines)
