"""What is drawn of a table: the plots and the picture grid, as files and for the page."""

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
    """The plots and the grid of ``table``, those that there are."""
    drawn = []
    for effort, name, file in (("nfe", "evaluations of the prior", "plot"), ("seconds", "seconds", "time")):
        if plotted := plot(table, effort):
            caption = f"{table.task}: quality over {name}. Bars: standard error over images; dashed: the input."
            data = data_uri(plotted["svg"], "svg+xml")
            drawn.append(Drawn("plot", caption, f"{stem}-{file}.png", plotted["png"], data))
    if tiles := grid(store, table):
        caption = f"{table.task}: reference, measurement, results. Under each: PSNR / LPIPS of this image."
        drawn.append(Drawn("grid", caption, f"{stem}-grid.webp", tiles, data_uri(tiles, "webp")))
    return drawn
