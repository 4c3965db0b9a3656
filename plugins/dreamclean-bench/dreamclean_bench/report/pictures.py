"""What is drawn of a table: the plot and the picture grid, as files and for the page."""

from dataclasses import dataclass

from dreamclean_bench.report.grid import grid
from dreamclean_bench.report.page import data_uri
from dreamclean_bench.report.plots import plot
from dreamclean_bench.report.tables import Table
from dreamclean_bench.store import Store


@dataclass(frozen=True)
class Drawn:
    """A picture of the report: its file, and the address that holds it in the page."""

    kind: str
    caption: str
    file: str
    data: bytes
    address: str


def pictures(store: Store, table: Table, stem: str) -> list[Drawn]:
    """The plot and the grid of ``table``, those that there are."""
    drawn = []
    if plotted := plot(table):
        caption = (
            f"{table.task}: quality over evaluations of the prior. Bars: standard error over images; dashed: the input."
        )
        drawn.append(Drawn("plot", caption, f"{stem}-plot.png", plotted["png"], data_uri(plotted["svg"], "svg+xml")))
    if tiles := grid(store, table):
        caption = f"{table.task}: reference, measurement, results. Under each: PSNR / LPIPS of this image."
        drawn.append(Drawn("grid", caption, f"{stem}-grid.webp", tiles, data_uri(tiles, "webp")))
    return drawn
