"""Quality against effort: PSNR and LPIPS over NFE or seconds, a labelled point for each method."""

import io
import math
from dataclasses import dataclass
from typing import Any

from dreamclean_bench.report.labels import place
from dreamclean_bench.report.means import Stat
from dreamclean_bench.report.names import is_ours, short_names
from dreamclean_bench.report.tables import Table

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#444444")
"""Okabe and Ito's palette, which people of all kinds of colour vision can tell apart."""
MARKERS = "osD^vP<>X"
STYLE: Any = {
    "font.size": 9,
    "svg.hashsalt": "dreamclean",
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
EFFORTS = {"nfe": "evaluations of the prior's network per image (NFE)", "seconds": "seconds per image"}
"""What is on the horizontal axis, by the column of the tables."""
LEAST = 0.01
"""Less of an effort than this is drawn as none."""
PANELS = (("psnr", "PSNR in dB (more is better)"), ("lpips", "LPIPS (less is better)"))


@dataclass(frozen=True)
class Point:
    """A method in a plot: where it stands, and how it looks."""

    label: str
    ours: bool
    effort: float
    quality: dict[str, Stat]
    colour: str
    marker: str


def points_of(table: Table, effort: str = "nfe") -> list[Point]:
    """A point for each method that has restored something; ``partial`` means are marked in the label."""
    labels = short_names(line.method for line in table.lines)
    points = []
    for index, line in enumerate(table.lines):
        spent = line.stat(effort).mean
        if spent is None:
            continue
        label = labels[line.method] + ("" if table.full(line) else f" ({len(line.samples)} {table.unit})")
        ours = is_ours(line.method)
        quality = {measure: line.stat(measure) for measure, _ in PANELS}
        colour = "#000000" if ours else COLOURS[index % len(COLOURS)]
        points.append(
            Point(
                label,
                ours,
                spent if spent >= LEAST else 0,
                quality,
                colour,
                "*" if ours else MARKERS[index % len(MARKERS)],
            )
        )
    return points


def plot(table: Table, effort: str = "nfe") -> dict[str, bytes]:
    """The figure over one of ``EFFORTS``, as ``svg`` and ``png``; empty where no method has restored anything."""
    points = points_of(table, effort)
    if not points:
        return {}
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(10.5, 4.6), dpi=110, layout="constrained")
        canvas: Any = FigureCanvasAgg(figure)
        panels = figure.subplots(1, 2)
        figure.suptitle(table.heading, fontsize=10)
        for axes, (measure, name) in zip(panels, PANELS, strict=True):
            _panel(axes, points, measure, name, EFFORTS[effort])
        canvas.draw()
        for axes, (measure, _) in zip(panels, PANELS, strict=True):
            shown = [(_x(p, points), y, _broken(p.label)) for p in points if (y := _y(p, measure)) is not None]
            place(axes, shown, 7.5)
        figure.set_layout_engine("none")
        return save(figure)


def save(figure: Any) -> dict[str, bytes]:
    """A matplotlib figure as ``svg`` and ``png``, the same bytes for the same figure."""
    files = {}
    for kind in ("svg", "png"):
        file = io.BytesIO()
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": None})
        files[kind] = file.getvalue()
    return files


def _broken(label: str) -> str:
    """A long label in two lines, the settings below the name."""
    return label.replace(" ", "\n", 1) if len(label) > 24 else label


def _panel(axes: Any, points: list[Point], measure: str, name: str, effort: str) -> None:
    for point in points:
        found, y = point.quality[measure], _y(point, measure)
        if y is None:
            continue
        axes.errorbar(
            _x(point, points),
            y,
            found.error or 0,
            fmt=point.marker,
            color=point.colour,
            markersize=10 if point.ours else 6,
            ecolor=(point.colour, 0.45),
            elinewidth=0.9,
            zorder=4 if point.ours else 3,
        )
    for baseline in (y for point in points if point.label == "input" and (y := _y(point, measure)) is not None):
        axes.axhline(baseline, color="0.6", linewidth=0.8, linestyle="--", zorder=1)
    asked = sorted({point.effort for point in points if point.effort > 0})
    axes.set_xscale("log")
    axes.set_xlabel(effort)
    axes.set_ylabel(name)
    axes.grid(color="0.9", linewidth=0.6)
    axes.margins(x=0.16, y=0.14)
    _ticks(axes, points, asked)


def _ticks(axes: Any, points: list[Point], asked: list[float]) -> None:
    """Round numbers on the axis, and 0 at the left for methods that spend nothing."""
    ticks = {}
    if any(point.effort == 0 for point in points):
        ticks[_origin(points)] = "0"
        if asked:
            axes.axvline(math.sqrt(_origin(points) * asked[0]), color="0.8", linewidth=0.8, linestyle=":")
    if asked:
        low, high = math.floor(math.log10(asked[0])), math.ceil(math.log10(asked[-1]) + 0.01)
        round_numbers = [digit * 10.0**power for power in range(low, high + 1) for digit in (1, 2, 5)]
        near = [v for v in round_numbers if asked[0] / 1.3 <= v <= asked[-1] * 1.3]
        ticks |= {v: f"{float(f'{v:.3g}'):g}" for v in near or asked[:1]}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xticks([], minor=True)


def _origin(points: list[Point]) -> float:
    """Where on the logarithmic axis 0 stands."""
    return min((point.effort for point in points if point.effort > 0), default=1.0) / 3


def _x(point: Point, points: list[Point]) -> float:
    return point.effort or _origin(points)


def _y(point: Point, measure: str) -> float | None:
    """The height of a point; none for an infinite mean, which the table tells."""
    mean = point.quality[measure].mean
    return mean if mean is not None and math.isfinite(mean) else None
