"""For each task, how much of the gain with a known operator is reached without it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dreamclean_bench.report.csv_files import csv_text
from dreamclean_bench.report.names import parts
from dreamclean_bench.report.plots import COLOURS, STYLE, save
from dreamclean_bench.report.tables import Line, Table, sample_of
from dreamclean_bench.store import Row
from dreamclean_bench.wide import DAMAGES

INPUT, AUTO, KNOWN = "input", "dreamclean", "dreamclean-known"
CAPTION = (
    "How much of the gain of the known mode the automatic mode reaches; the known mode is given the operator and the noise. "
    "Means over pictures; the dashed line is 100 %. Bars are cut off at -50 % and 150 %. Tasks on which the known mode "
    "gains less than 0.1 dB or 0.005 LPIPS are left out."
)
MEASURES: dict[str, tuple[str, float]] = {"psnr": ("PSNR", 0.1), "lpips": ("LPIPS", 0.005)}
"""Measure: its name, and the smallest gain of the known mode for which a share is computed."""
LOW, HIGH = -0.5, 1.5


@dataclass(frozen=True)
class Share:
    """The results of one task: means over the pictures that all three methods have done."""

    task: str
    prior: str
    size: int
    label: str
    """As of its table."""
    images: int
    input: dict[str, float]
    auto: dict[str, float]
    known: dict[str, float]

    def gain(self, measure: str, of: dict[str, float]) -> float:
        """By how much ``of`` is better than the input."""
        gained = of[measure] - self.input[measure]
        return -gained if measure == "lpips" else gained

    def share(self, measure: str) -> float | None:
        """Automatic gain over known gain; None where the known mode gains too little."""
        known = self.gain(measure, self.known)
        return self.gain(measure, self.auto) / known if known >= MEASURES[measure][1] else None


def shares(tables: Iterable[Table]) -> list[Share]:
    """The shares of tasks that have the three methods, clean pictures and plain settings of a method left out."""
    found = []
    for table in tables:
        if table.task in DAMAGES and DAMAGES[table.task].clean:
            continue
        lines = {parts(line.method)[0]: line for line in table.lines if not parts(line.method)[1]}
        if {INPUT, AUTO, KNOWN} <= lines.keys() and (share := _share(table, lines)):
            found.append(share)
    return found


def _share(table: Table, lines: dict[str, Line]) -> Share | None:
    rows = {name: {sample_of(row.cell): row for row in lines[name].done} for name in (INPUT, AUTO, KNOWN)}
    common = set.intersection(*(set(of) for of in rows.values()))
    if not common:
        return None

    def means(of: dict[Any, Row]) -> dict[str, float]:
        return {measure: sum(getattr(of[image], measure) for image in common) / len(common) for measure in MEASURES}

    figures = (means(rows[name]) for name in (INPUT, AUTO, KNOWN))
    return Share(table.task, table.prior, table.size, table.label, len(common), *figures)


def as_csv(found: Iterable[Share]) -> str:
    """A line for each task and measure."""
    head = ["task", "prior", "size", "images", "measure", "input", "auto", "known", "auto_gain", "known_gain", "share"]
    lines: list[list[object]] = []
    for share in found:
        for measure in MEASURES:
            values = [of[measure] for of in (share.input, share.auto, share.known)]
            values += [share.gain(measure, share.auto), share.gain(measure, share.known)]
            part = share.share(measure)
            rounded = [f"{value:.5g}" for value in values]
            lines.append(
                [
                    share.task,
                    share.prior,
                    share.size,
                    share.images,
                    measure,
                    *rounded,
                    "" if part is None else f"{part:.4g}",
                ]
            )
    return csv_text(head, lines)


def plot(found: list[Share]) -> dict[str, bytes]:
    """A bar for each task, for PSNR and for LPIPS, as ``svg`` and ``png``; empty where there is nothing to show."""
    shown = [share for share in found if any(share.share(measure) is not None for measure in MEASURES)]
    if not shown:
        return {}
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(9.5, 1.4 + 0.27 * len(shown)), dpi=110, layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (measure, (name, _)), colour in zip(panels, MEASURES.items(), COLOURS, strict=False):
            _panel(axes, shown, measure, name, colour)
        return save(figure)


def _panel(axes: Any, shown: list[Share], measure: str, name: str, colour: str) -> None:
    digits: Callable[[float], str] = (lambda v: f"{v:+.3f}") if measure == "lpips" else (lambda v: f"{v:+.1f} dB")
    for place, share in enumerate(shown):
        part = share.share(measure)
        if part is None:
            continue
        axes.barh(place, min(HIGH, max(LOW, part)), color=colour, height=0.7)
        gains = f" {part:.0%}, {digits(share.gain(measure, share.auto))} of {digits(share.gain(measure, share.known))}"
        axes.text(max(0.0, min(HIGH, part)), place, gains, va="center", fontsize=6.5)
    axes.set_yticks(range(len(shown)), [share.label for share in shown])
    axes.axvline(1, color="0.4", linewidth=0.9, linestyle="--")
    axes.axvline(0, color="0.4", linewidth=0.9)
    axes.set_xlim(LOW, HIGH + 0.9)
    axes.set_xticks([-0.5, 0, 0.5, 1, 1.5], ["-50 %", "0", "50 %", "100 %", "150 %"])
    axes.set_xlabel(f"share of the known gain in {name}")
    if not axes.yaxis_inverted():
        axes.invert_yaxis()
