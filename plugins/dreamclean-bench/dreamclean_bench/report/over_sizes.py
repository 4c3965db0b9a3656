"""Quality against the size of the pictures: a plot for each task that was run at several sizes."""

import math
from typing import Any

from dreamclean_bench.report.names import is_ours, short_names
from dreamclean_bench.report.plots import COLOURS, MARKERS, PANELS, STYLE, save
from dreamclean_bench.report.tables import Table

CAPTION = "{}: PSNR and LPIPS over the side of the centre crop. A larger crop shows more of a picture, not more of its detail."


def several_sizes(tables: list[Table]) -> list[list[Table]]:
    """The tables of each task and prior that was run at two sizes or more, the smallest first."""
    together: dict[tuple[str, str, str], list[Table]] = {}
    for table in tables:
        together.setdefault((table.task, table.operator, table.prior), []).append(table)
    return [sorted(found, key=lambda t: t.size) for found in together.values() if len(found) > 1]


def plot(tables: list[Table]) -> dict[str, bytes]:
    """The figure of one task, as ``svg`` and ``png``: a line for each method over the sides of its ``tables``."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    methods = list(dict.fromkeys(line.method for table in tables for line in table.lines))
    labels = short_names(methods)
    with rc_context(STYLE):
        figure = Figure(figsize=(10.5, 4.2), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        panels: Any = figure.subplots(1, 2)
        figure.suptitle(tables[0].heading, fontsize=10)
        for axes, (measure, name) in zip(panels, PANELS, strict=True):
            for index, method in enumerate(methods):
                points = _points(tables, method, measure)
                if points:
                    colour = "#000000" if is_ours(method) else COLOURS[index % len(COLOURS)]
                    line = "-" if is_ours(method) else "--"
                    style = {"color": colour, "linestyle": line, "marker": MARKERS[index % len(MARKERS)]}
                    axes.plot(*zip(*points, strict=True), label=labels[method], markersize=5, linewidth=1.2, **style)
            sides = [table.size for table in tables]
            axes.set_xscale("log")
            axes.set_xticks(sides, [str(side) for side in sides])
            axes.set_xticks([], minor=True)
            axes.set_xlabel("side in pixels")
            axes.set_ylabel(name)
            axes.grid(color="0.9", linewidth=0.6)
        panels[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
        return save(figure)


def _points(tables: list[Table], method: str, measure: str) -> list[tuple[int, float]]:
    """Side and mean of a method, where it has restored all of a size's pictures and the mean is finite."""
    found = []
    for table in tables:
        for line in table.lines:
            mean = line.stat(measure).mean if line.method == method and table.full(line) else None
            if mean is not None and math.isfinite(mean):
                found.append((table.size, mean))
    return found
