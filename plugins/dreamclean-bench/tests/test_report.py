"""The report says what the store holds: right means, nothing hidden, nothing from elsewhere."""

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import pytest
import typer
from dreamclean_bench.cli import bench
from dreamclean_bench.report import csv_files, paired, write_report
from dreamclean_bench.report.grid import FONT, GAP, LINE, MARGIN, WIDTH, Tile, grid, sheet
from dreamclean_bench.report.layout import Entry, Sheet, layout
from dreamclean_bench.report.means import stat
from dreamclean_bench.report.names import short_names
from dreamclean_bench.report.over_sizes import _points, several_sizes
from dreamclean_bench.report.paper import MISSING, TABLES, row_of
from dreamclean_bench.report.plots import _ticks, points_of
from dreamclean_bench.report.tables import Line, Table, tabulate
from dreamclean_bench.store import Cell, Row, Store
from PIL import Image
from typer.testing import CliRunner

from dreamclean import DreamCleanError

CELL = Cell("a.png", "da", "sr4-noisy", '{"name": "downsample", "factor": 4}', "ddrm", "starter", 32, 0)
DONE = Row(CELL, "done", "", 20.0, 0.7, 0.3, 20, 2.0, 1.9, 500.0, {"dreamclean": "0.1"})


def png(colour: tuple[int, int, int], size: int = 32) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(file, "PNG")
    return file.getvalue()


def row(method: str = "ddrm", image: str = "a.png", status: str = "done", **values: Any) -> Row:
    """``DONE`` with another method and image, and with other values of the cell or the row."""
    of_cell = {name: values.pop(name) for name in list(values) if name in vars(CELL)}
    cell = replace(CELL, method=method, image=image, digest=f"d{image}", **of_cell)
    if status != "done":
        return Row(cell, status, **values)
    return replace(DONE, cell=cell, **values)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "bench.sqlite", create=True) as made:
        yield made


@pytest.fixture
def report(store: Store, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Write rows, then the report; the texts of its files by name."""

    def write(*rows: Row, **options: str) -> dict[str, str]:
        for each in rows:
            store.add(each)
        paths = write_report(store, tmp_path / "report", **options)
        return {path.name: path.read_text() for path in paths if path.suffix in (".md", ".csv", ".html")}

    return write


def only(rows: list[Row]) -> Table:
    (table,) = tabulate(rows)
    return table


def entries(found: Sheet, method: str) -> dict[str, Entry]:
    """The entries of a method by heading."""
    line = next(line for _, line in found.lines if line[0].text == method)
    return dict(zip(found.head, line, strict=True))


class Tags(HTMLParser):
    """What a page is made of; unbalanced tags are an error."""

    void = ("meta", "img", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_stat_is_mean_and_standard_error():
    found = stat([1.0, 2.0, 6.0])
    assert found.mean == 3
    assert found.error == pytest.approx(math.sqrt((4 + 1 + 9) / 2 / 3))
    assert (stat([5.0]).mean, stat([5.0]).error) == (5, None)
    assert (stat([]).n, stat([]).mean) == (0, None)


def test_stat_does_not_count_what_is_missing_or_not_a_number():
    found = stat([1.0, None, math.nan, 3.0])
    assert (found.n, found.mean) == (2, 2.0)


def test_stat_tells_an_infinite_psnr_and_is_never_nan(report: Callable[..., dict[str, str]]):
    rows = [row("input", f"{n}", psnr=v) for n, v in enumerate((math.inf, 30.0, 32.0))]
    rows += [row("ddrm", f"{n}", psnr=25.0) for n in range(3)]
    found = layout(only(rows))
    entry = entries(found, "input")["PSNR ↑"]
    assert (entry.text, entry.best) == ("∞", True)
    assert found.notes[entry.notes[0] - 1] == (
        "PSNR is infinite on 1 of 3 images, which came back unchanged; the mean over the others is 31.00"
    )
    texts = report(*rows)
    assert "∞" in texts["report.md"] and "nan" not in (texts["report.md"] + texts["summary.csv"]).lower()


def test_tables_have_means_over_images():
    rows = [row("ddrm", str(n), psnr=20.0 + n, lpips=0.3 + n / 10, nfe=20) for n in range(3)]
    found = entries(layout(only(rows)), "ddrm")
    assert found["PSNR ↑"].text == f"21.00 ± {1 / math.sqrt(3):.2f}"
    assert found["LPIPS ↓"].text == f"0.400 ± {0.1 / math.sqrt(3):.3f}"
    assert (found["NFE"].text, found["images"].text) == ("20", "3 of 3")


def test_best_is_the_highest_psnr_and_ssim_and_the_lowest_lpips_and_nfe():
    rows = [
        row("ddrm", psnr=21.0, ssim=0.5, lpips=0.2, nfe=20, seconds=3.0),
        row("dps", psnr=20.0, ssim=0.6, lpips=0.3, nfe=10, seconds=4.0, prior_seconds=3.9),
        row("input", psnr=19.0, ssim=0.4, lpips=0.4, nfe=0, seconds=0.1),
    ]
    found = layout(only(rows))
    best = {m: [head for head, entry in entries(found, m).items() if entry.best] for m in ("ddrm", "dps")}
    assert best == {
        "ddrm": ["PSNR ↑", "LPIPS ↓", "seconds", "s in prior"],
        "dps": ["SSIM ↑", "NFE"],
    }
    assert not any(entry.best for entry in entries(found, "input").values())


def test_best_are_both_methods_that_look_alike():
    found = layout(only([row("a", psnr=20.001), row("b", psnr=20.002), row("c", psnr=19.0)]))
    assert [entries(found, method)["PSNR ↑"].best for method in "abc"] == [True, True, False]


def test_best_is_never_a_mean_over_fewer_images():
    rows = [row("ddrm", str(n), psnr=20.0) for n in range(3)]
    rows += [row("dps", str(n), psnr=20.0 - n) for n in range(3)]
    rows += [row("gdp", "0", psnr=35.0), row("gdp", "1", "failed", note="no memory")]
    found = layout(only(rows))
    gdp = entries(found, "gdp")
    assert gdp["images"].text == "1 of 3, 1 failed"
    assert not gdp["PSNR ↑"].best and entries(found, "ddrm")["PSNR ↑"].best
    said = [found.notes[n - 1] for n in gdp["method"].notes]
    assert said[0] == "failed on 1 of 3 images: no memory"
    assert said[1].startswith("mean over 1 of the 3 images that other methods have: not comparable")
    points = {point.label for point in points_of(only(rows))}
    assert "gdp (1 images)" in points


def test_points_stand_at_what_a_method_has_cost():
    table = only([row("ddrm", nfe=20, seconds=12.5), row("input", nfe=0, seconds=0.002)])
    efforts = [[point.effort for point in points_of(table, effort)] for effort in ("nfe", "seconds")]
    assert sorted(efforts[0]) == [0, 20] and sorted(efforts[1]) == [0, 12.5]


def test_ticks_are_written_out():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    _ticks(axes, points_of(only([row("dps", nfe=1000), row("gdp", nfe=90)])), [90, 1000])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["100", "200", "500", "1000"]
    _ticks(axes, points_of(only([row("dps", seconds=1234.5)]), "seconds"), [1234.5])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1000"]
    _ticks(axes, points_of(only([row("dps", seconds=1532.1)]), "seconds"), [1532.1])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1530"]


def test_report_shows_failed_and_refused_methods_in_every_form(report: Callable[..., dict[str, str]]):
    texts = report(
        row("ddrm"),
        row("gdp", status="failed", note="RuntimeError: boom"),
        row("gdp", "b.png", status="failed", note="RuntimeError: boom"),
        row("ddrm-jpeg", status="refused", note="needs JPEG"),
    )
    for text in (texts["report.md"], texts["report.html"]):
        assert "failed (2)" in text and "RuntimeError: boom" in text
        assert "refused" in text and "needs JPEG" in text
    lines = {line["method"]: line for line in csv.DictReader(io.StringIO(texts["summary.csv"]))}
    assert (lines["gdp"]["failed"], lines["gdp"]["psnr_mean"]) == ("2", "")
    assert (lines["ddrm-jpeg"]["refused"], lines["ddrm"]["done"]) == ("1", "1")


def test_tables_are_apart_for_priors_and_sizes(report: Callable[..., dict[str, str]]):
    rows = [
        row("ddrm", psnr=20.0),
        row("ddrm", psnr=24.0, prior="mixture:std=0.1"),
        row("ddrm", psnr=28.0, size=64),
        row("bicubic", psnr=22.0, prior=""),
    ]
    tables = tabulate(rows)
    assert [table.setting for table in tables] == [
        "prior starter, 32 x 32 pixels, seed 0",
        "prior mixture:std=0.1, 32 x 32 pixels, seed 0",
        "prior starter, 64 x 64 pixels, seed 0",
    ]
    assert [[line.method for line in table.lines] for table in tables] == [
        ["ddrm", "bicubic"],
        ["ddrm", "bicubic"],
        ["ddrm"],
    ]
    assert [table.lines[0].stat("psnr").mean for table in tables] == [20, 24, 28]
    text = report(*rows)["report.md"]
    assert text.count("## sr4-noisy") == 1 and text.count("### ") == 3


def test_several_seeds_are_one_table_and_a_mean_over_an_images_seeds(report: Callable[..., dict[str, str]]):
    rows = [row("ddrm", "0", psnr=20.0), row("ddrm", "0", psnr=22.0, seed=1), row("ddrm", "1", psnr=31.0, seed=1)]
    rows += [row("dps", str(n), psnr=25.0, seed=seed) for n in range(2) for seed in range(2)]
    table = only(rows)
    assert table.setting == "prior starter, 32 x 32 pixels, seeds 0, 1"
    ddrm, dps = table.lines
    assert (ddrm.stat("psnr").mean, ddrm.stat("psnr").n, ddrm.stat("psnr").error) == (26, 2, 5)
    assert (table.full(ddrm), table.full(dps)) == (False, True)
    assert entries(layout(table), "ddrm")["measurements"].text == "3 of 4"
    line = next(csv.DictReader(io.StringIO(report(*rows)["summary.csv"])))
    assert (line["seeds"], line["images"], line["done"]) == ("0 1", "2", "3")


def beside() -> list[Row]:
    """DreamClean ahead of DDRM in PSNR by 1 dB in the mean, on eight images; DPS has the best LPIPS."""
    rows = []
    for n in range(8):
        rows += [
            row("dreamclean-known", str(n), psnr=26.0 + n, lpips=0.3, nfe=12),
            row("ddrm", str(n), psnr=25.2 + n - 0.04 * n, lpips=0.4),
            row("dps", str(n), psnr=20.0, lpips=0.25),
            row("dreamclean", str(n), psnr=40.0, lpips=0.01),
            row("input", str(n), psnr=50.0, lpips=0.0),
        ]
    return rows


def test_report_compares_with_the_best_of_the_others_image_by_image(report: Callable[..., dict[str, str]]):
    found = paired.sheet(paired.compared(tabulate(beside())))
    assert found is not None
    ((_, line),) = found.lines
    words = [entry.text for entry in line]
    assert words == [
        *("sr4-noisy", "12"),
        *("29.50", "ddrm 28.56", "+0.94 ± 0.03", "0.0078"),  # 2 / 2^8: all eight differences have one sign
        *("0.300", "dps 0.250", "+0.050 ± 0.000", "0.0078"),
    ]
    assert [entry.best for entry in line[2::4]] == [True, False]
    assert found.notes == ["On 0 of 1 tasks DreamClean is the best or as good as the best in both."]
    texts = report(*beside())
    assert "ddrm 28.56" in texts["report.md"] and "ddrm 28.56" in texts["report.html"]
    every = list(csv.DictReader(io.StringIO(texts["paired.csv"])))
    assert [(line["measure"], line["theirs"], line["difference"]) for line in every] == [
        *(("psnr", "ddrm", "0.94"), ("psnr", "dps", "9.5"), ("lpips", "ddrm", "-0.1"), ("lpips", "dps", "0.05"))
    ]


def test_only_methods_with_all_images_are_compared(report: Callable[..., dict[str, str]]):
    rows = [each for each in beside() if (each.cell.method, each.cell.image) != ("ddrm", "3")]
    found = paired.sheet(paired.compared(tabulate(rows)))
    assert found is not None and found.lines[0][1][3].text == "dps 20.00"
    alone = [each for each in rows if each.cell.method.startswith(("dreamclean", "input"))]
    assert paired.sheet(paired.compared(tabulate(alone))) is None and "paired.csv" not in report(*alone)


def test_a_rival_whose_psnr_is_infinite_is_the_best_of_the_others(report: Callable[..., dict[str, str]]):
    exact = [replace(each, psnr=math.inf) for each in beside() if each.cell.method == "ddrm"]
    rows = [*exact, *[each for each in beside() if each.cell.method != "ddrm"]]
    found = paired.sheet(paired.compared(tabulate(rows)))
    assert found is not None
    ((_, line),) = found.lines
    best = dict(zip(found.head, line, strict=True))
    assert best["PSNR ↑: best other"].text == "ddrm ∞" and best["PSNR ↑: difference"].text == "—"
    assert not best["PSNR ↑: DreamClean"].best
    assert ",psnr,dreamclean-known,ddrm," in report(*rows)["paired.csv"]


def test_what_is_not_compared_is_said(report: Callable[..., dict[str, str]]):
    cut = [each for each in beside() if (each.cell.method, each.cell.image) != ("dreamclean-known", "3")]
    there = [replace(each, cell=replace(each.cell, task="inpaint")) for each in cut]
    text = report(*beside(), *there)["report.md"]
    assert "On 0 of 1 tasks" in text or "On 1 of 1 tasks" in text
    assert "Not compared, as pictures are lacking: dreamclean-known on inpaint." in text
    assert (
        "Not compared"
        not in report(*[replace(each, cell=replace(each.cell, task="inpaint")) for each in beside()])["report.md"]
    )


def test_few_images_have_no_significance():
    found = paired.pairs(only([each for each in beside() if each.cell.image < "5"]))
    assert {pair.p for pair in found} == {None}


def test_results_are_merged_and_what_is_there_stays(store: Store, tmp_path: Path):
    store.add(row("ddrm", "0", psnr=20.0))
    store.add(row("ddrm", "1", status="failed", note="boom"))
    with Store(tmp_path / "other.sqlite", create=True) as other:
        for each in (row("ddrm", "0", psnr=30.0), row("ddrm", "1", psnr=31.0), row("dps", "0", psnr=math.inf)):
            other.add(each)
        other.add_picture(CELL, "reference", png((1, 2, 3)))
        written = write_report(other, tmp_path / "report")
    refused = row("dgp", "0", status="refused", note='no, "never"\n')
    (tmp_path / "more.csv").write_text(csv_files.cells([refused]))
    command = ["merge", str(other.path), str(tmp_path / "more.csv"), str(written[1]), "--store", str(store.path)]
    done = CliRunner().invoke(bench, command)
    assert done.exit_code == 0 and done.output.endswith("4 cells, 3 of them new\n")
    by_cell = {(each.cell.method, each.cell.image): each for each in store.rows()}
    assert {cell: each.psnr for cell, each in by_cell.items()} == {
        ("ddrm", "0"): 20.0,
        ("ddrm", "1"): 31.0,
        ("dps", "0"): math.inf,
        ("dgp", "0"): None,
    }
    assert by_cell["dgp", "0"] == refused
    assert store.picture(CELL, "reference") == png((1, 2, 3))


def test_merge_reads_cells_as_they_were_written(tmp_path: Path):
    rows = [
        row("ddrm", psnr=1 / 3, seed=3, size=64),
        row("bicubic", prior="", nfe=0),
        row("x", status="failed", note="é"),
    ]
    path = tmp_path / "cells.csv"
    path.write_text(csv_files.cells(rows), encoding="utf-8")
    assert csv_files.read_cells(path) == rows


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "no table", "image,digest\nx", "\x00"])
def test_merge_refuses_what_is_no_cells_csv(tmp_path: Path, text: str):
    path = tmp_path / "cells.csv"
    path.write_text(text)
    with pytest.raises(DreamCleanError, match=r"is not the cells.csv of a report"):
        csv_files.read_cells(path)


def test_report_plots_a_task_over_the_sizes_it_was_run_at(
    store: Store, report: Callable[..., dict[str, str]], tmp_path: Path
):
    rows = [row(method, size=size, psnr=psnr) for method, psnr in (("ddrm", 20.0), ("dps", 21.0)) for size in (64, 32)]
    tables = tabulate([*rows, row(task="denoise")])
    (same,) = several_sizes(tables)
    assert [table.size for table in same] == [32, 64]
    assert _points(same, "dps", "psnr") == [(32, 21.0), (64, 21.0)]
    (more,) = several_sizes(tabulate([*rows, row("ddrm", "b.png", size=64)]))
    assert _points(more, "dps", "psnr") == [(32, 21.0)]  # a mean over fewer pictures is no point of the curve
    files = report(*rows)
    assert "images/sr4-noisy-2-sizes.png" in files["report.md"]  # named after the smallest


def test_report_of_one_size_has_no_plot_over_sizes(report: Callable[..., dict[str, str]]):
    assert "-sizes" not in report(row(), row("dps"))["report.md"]


def test_tables_put_pairs_into_one_though_each_has_a_digest_for_operator():
    rows = [row("input", name, task="rain", operator=f"digest{name}") for name in "abc"]
    assert len(only(rows).lines[0].rows) == 3


def test_tables_are_apart_for_the_same_task_with_another_degradation():
    assert len(tabulate([row(), row(operator='{"name": "downsample", "factor": 8}')])) == 2


def test_tables_count_one_name_for_two_pictures_twice():
    rows = [row("ddrm", psnr=20.0), replace(row(psnr=30.0), cell=replace(CELL, digest="other"))]
    assert entries(layout(only(rows)), "ddrm")["images"].text == "2 of 2"


def test_report_marks_dreamclean_in_markdown_and_html(report: Callable[..., dict[str, str]]):
    texts = report(row("dreamclean:preset=paper", psnr=20.0), row("ddrm", psnr=21.0))
    assert "| **dreamclean:preset=paper** | 20.00 |" in texts["report.md"]
    assert "| ddrm | **21.00** |" in texts["report.md"]
    assert texts["report.html"].count("<tr class=ours>") == 1


def test_report_has_every_cell_in_the_csv(report: Callable[..., dict[str, str]]):
    texts = report(row("ddrm", note=""), row("gdp", status="failed", note='broken, "quoted"'), row("dps", picture=b"x"))
    lines = list(csv.DictReader(io.StringIO(texts["cells.csv"])))
    assert [line["method"] for line in lines] == ["ddrm", "gdp", "dps"]
    assert lines[1]["note"] == 'broken, "quoted"' and lines[0]["psnr"] == "20.0"
    assert json.loads(lines[0]["versions"]) == {"dreamclean": "0.1"}
    assert "picture" not in lines[0]


def test_page_needs_nothing_from_elsewhere(store: Store, report: Callable[..., dict[str, str]]):
    store.add_picture(CELL, "reference", png((9, 9, 9)))
    text = report(replace(DONE, picture=png((1, 2, 3))), row("bicubic", nfe=0))["report.html"]
    attributes = Tags(text).attributes
    sources = [value for _, name, value in attributes if name in ("src", "href", "data", "action", "srcset")]
    assert {source.split(":")[0] for source in sources if not source.startswith("#")} == {"data"}
    assert sum(source.startswith("data:image/svg+xml") for source in sources) == 2
    assert sum(source.startswith("data:image/webp") for source in sources) == 1
    assert not any(tag in ("script", "link", "iframe") for tag, *_ in attributes)
    assert "<script" not in text and "url(" not in text and "@import" not in text
    anchors = {value for _, name, value in attributes if name == "id"}
    assert all(source[1:] in anchors for source in sources if source.startswith("#"))


def test_report_escapes_names_notes_and_commands(report: Callable[..., dict[str, str]]):
    evil = '<img src="http://evil"> a|b *c* [d](http://e) `f`'
    texts = report(
        row("<b>method</b>"), row("gdp", status="failed", note=evil), command=f"run ``` {evil}", title="<i>title</i>"
    )
    words = " ".join(Tags(texts["report.html"]).words)
    assert "<b>method</b>" in words and evil in words and "<i>title</i>" in words
    assert not any(value.startswith("http") for *_, value in Tags(texts["report.html"]).attributes)
    (line,) = [line for line in texts["report.md"].splitlines() if line.startswith("<sup>1</sup>")]
    assert line.endswith(r"\<img src=\"http://evil\"\> a\|b \*c\* \[d\](http://e) \`f\`".replace('\\"', '"'))
    assert r"\<b\>method\</b\>" in texts["report.md"]
    assert "````text\n" in texts["report.md"]


def test_report_tells_versions_command_and_caveat(report: Callable[..., dict[str, str]]):
    other = row("dps", versions={"dreamclean": "0.2", "torch": "2"})
    texts = report(row("ddrm"), other, command="dreamclean bench run quick", title="Mine")
    for text in (texts["report.md"], texts["report.html"]):
        assert "dreamclean 0.1 and 0.2, torch 2" in text
        assert "dreamclean bench run quick" in text and "Mine" in text
        assert "priors and test pictures" in text


def test_paper_stands_beside_ours_and_nothing_is_invented():
    rows = [row("dreamclean:preset=paper"), row("dps"), row("bicubic")]
    found = layout(only(rows))
    (heading,) = [head for head in found.head if head.startswith("paper")]
    assert heading == "paper: Table 1 (CelebA 1K), Table 2 (ImageNet 1K)"
    said = {method: entries(found, method)[heading].text for method in ("dreamclean:preset=paper", "dps", "bicubic")}
    assert said == {
        "dreamclean:preset=paper": "DreamClean, blind: NFE 90",
        "dps": f"DPS: {MISSING}",
        "bicubic": "—",
    }
    blur = layout(only([row("input", task="deblur-uniform-ddrm")]))
    assert entries(blur, "input")[blur.head[-1]].text == "baseline (measurement): PSNR 18.35"


def test_paper_s_psnr_that_were_read_are_the_only_ones():
    figures = [f for table in TABLES.values() for rows in table.tasks.values() for f in rows.values()]
    assert {f.psnr for f in figures} == {None, 18.35, 17.79}
    assert {(f.ssim, f.lpips) for f in figures} == {(None, None)}


def test_paper_s_table_5_stands_beside_the_correctors():
    rows = TABLES["Table 5"].tasks["sr4-noisy"]
    methods = [f"dreamclean:preset=paper,corrector={name}" for name in ("none", "langevin", "vps")]
    assert [row_of(method, rows) for method in methods] == ["no corrector", "Langevin", "VPS"]
    table1 = TABLES["Table 1"].tasks["sr4-noisy"]
    assert [row_of(method, table1) for method in methods] == [None, None, "DreamClean, blind"]


def test_row_of_a_published_network_goes_by_its_file() -> None:
    rows = TABLES["Table 3"].tasks["jpeg-cascade"]
    files = ["network:file=weights/fbcnn_color.pth", "network:file=scunet.pth", "network:file=ddnm/scunet.pth"]
    assert [row_of(method, rows) for method in files] == ["FBCNN", None, None]


def test_short_names_keep_what_tells_methods_apart():
    methods = ["dreamclean", "dreamclean:preset=paper", "dreamclean:preset=paper,gamma=0.5", "ddrm:steps=20"]
    assert list(short_names(methods).values()) == [
        "dreamclean",
        "dreamclean paper",
        "dreamclean paper gamma=0.5",
        "ddrm",
    ]


class TestGrid:
    colours: ClassVar = {
        "reference": (200, 0, 0),
        "measurement": (0, 200, 0),
        "ddrm": (0, 0, 200),
        "dps": (200, 200, 0),
    }

    def filled(self, store: Store, *methods: str) -> Table:
        rows = []
        for image in ("a.png", "b.png"):
            for method in methods:
                picture = png(self.colours.get(method, (7, 7, 7)))
                rows.append(row(method, image, picture=picture))
                store.add(rows[-1])
            for kind in ("reference", "measurement"):
                store.add_picture(rows[-1].cell, kind, png(self.colours[kind]))
        return only(rows)

    def test_grid_has_reference_measurement_and_the_methods_in_order(self, store: Store):
        data = grid(store, self.filled(store, "ddrm", "dps"))
        assert data
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        side = 128  # 32 pixels, enlarged
        assert picture.size == (
            2 * MARGIN + 4 * (side + GAP) - GAP,
            MARGIN + LINE + 4 + 2 * (side + LINE + GAP) + 2,
        )
        for band in range(2):
            y = MARGIN + LINE + 4 + band * (side + LINE + GAP) + side // 2
            for column, colour in enumerate(self.colours.values()):
                pixel = picture.getpixel((MARGIN + column * (side + GAP) + side // 2, y))
                assert isinstance(pixel, tuple)
                assert max(abs(p - c) for p, c in zip(pixel, colour, strict=True)) < 12

    def test_grid_of_many_methods_goes_on_in_bands_with_the_reference_again(self, store: Store):
        data = grid(store, self.filled(store, "ddrm", "dps", *(f"m{n}" for n in range(9))))
        assert data
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        assert picture.width == 2 * MARGIN + (WIDTH // 134) * 134 - GAP
        pixel = picture.getpixel((MARGIN + 60, picture.height // 2 + MARGIN + LINE + 4 + 60))
        assert isinstance(pixel, tuple) and max(abs(p - c) for p, c in zip(pixel, (200, 0, 0), strict=True)) < 12

    def test_grid_has_no_column_for_a_method_that_refused(self, store: Store, monkeypatch: pytest.MonkeyPatch):
        table = self.filled(store, "ddrm", "dps")
        table.lines.append(Line("ddrm-jpeg", [row("ddrm-jpeg", status="refused", note="needs JPEG")]))
        table.lines.append(Line("gdp", [row("gdp", status="failed", note="boom")]))
        drawn: list[tuple[list[str], list[list[Tile]]]] = []
        monkeypatch.setattr(
            "dreamclean_bench.report.grid.sheet",
            lambda heads, rows, side: drawn.append((heads, rows)) or sheet(heads, rows, side),
        )
        grid(store, table)
        ((heads, rows),) = drawn
        assert heads == ["reference", "measurement", "ddrm", "dps", "gdp"]
        assert [tile.caption for tile in rows[0]] == ["a.png", "", "20.00 dB / 0.300", "20.00 dB / 0.300", ""]
        assert [row[-1].why for row in rows] == ["failed", "not run"]

    def test_grid_is_left_out_where_nothing_was_kept(self, store: Store):
        store.add(DONE)
        assert grid(store, only([DONE])) is None

    def test_grid_keeps_long_words_inside_their_column(self):
        narrow = sheet(["x" * 80, "y"], [[Tile(None, "a very long caption indeed", "why"), Tile(None)]], 40)
        assert narrow.width == 2 * MARGIN + 2 * (40 + GAP) - GAP
        assert narrow.height > MARGIN + 5 * LINE and FONT < LINE


def test_report_moves_files_into_place_and_writes_them_again(store: Store, tmp_path: Path):
    store.add(DONE)
    first = {path: path.read_bytes() for path in write_report(store, tmp_path / "r", "x")}
    again = write_report(store, tmp_path / "r", "x")
    assert {path: path.read_bytes() for path in again} == first
    left = {path for path in (tmp_path / "r").rglob("*") if path.is_file()}
    assert left == set(again)
    names = {str(path.relative_to(tmp_path / "r")) for path in again}
    plots = {"images/sr4-noisy-plot.png", "images/sr4-noisy-time.png"}
    assert names == {"report.md", "cells.csv", "summary.csv", "report.html"} | plots
    links = [line for line in (tmp_path / "r/report.md").read_text().splitlines() if line.startswith("![")]
    assert len(links) == 2 and all(link.endswith(f"({file})") for link, file in zip(links, sorted(plots), strict=True))


def test_report_of_an_empty_store_is_one_line_and_leaves_nothing(store: Store, tmp_path: Path):
    with pytest.raises(DreamCleanError, match=r"there are no results to report; make some with 'dreamclean bench run'"):
        write_report(store, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_report_into_a_folder_that_cannot_be_written_is_one_line(store: Store, tmp_path: Path):
    store.add(DONE)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DreamCleanError, match=r"could not be written to .*; choose another folder"):
        write_report(store, tmp_path / "file")


def test_report_of_failures_alone_has_no_plots(report: Callable[..., dict[str, str]]):
    text = report(row("gdp", status="failed", note="boom"))["report.html"]
    assert "failed (1)" in text and not [tag for tag, *_ in Tags(text).attributes if tag == "img"]


def test_report_command_writes_the_report_and_names_its_files(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    app = typer.Typer()
    app.add_typer(bench, name="bench")
    arguments = ["bench", "report", "--store", str(store.path), "-o", str(tmp_path / "out"), "--title", "Mine"]
    with pytest.raises(DreamCleanError, match="there are no results to report"):
        app(arguments, standalone_mode=False)
    store.add(DONE)
    app([*arguments, "--command", "dreamclean bench run quick"], standalone_mode=False)
    told = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert {path.name for path in told} >= {"report.md", "report.html", "cells.csv", "summary.csv"}
    assert all(path.stat().st_size for path in told)
    text = (tmp_path / "out/report.md").read_text()
    assert text.startswith("# Mine") and "dreamclean bench run quick" in text and "| ddrm | 20.00 |" in text
    with pytest.raises(DreamCleanError, match="there is no results file"):
        app(["bench", "report", "--store", str(tmp_path / "none.sqlite")], standalone_mode=False)


def test_sheet_has_a_refusal_where_the_figure_would_stand():
    rows = [row("ddrm"), row("gdp", status="failed", note="boom"), row("dps", status="refused", note="needs JPEG")]
    found = layout(only(rows))
    assert [entries(found, method)["PSNR ↑"].text for method in ("gdp", "dps")] == ["failed (1)", "refused"]


def test_grid_has_the_headings_of_its_columns(store: Store, monkeypatch: pytest.MonkeyPatch):
    seen: list[list[str]] = []

    def spy(heads: Sequence[str], rows: Sequence[Sequence[Tile]], side: int) -> Image.Image:
        seen.append(list(heads))
        return sheet(heads, rows, side)

    monkeypatch.setattr(sys.modules["dreamclean_bench.report.grid"], "sheet", spy)
    rows = [row(method, picture=png((1, 2, 3))) for method in ("dps", "ddrm")]
    store.add_picture(rows[0].cell, "reference", png((9, 9, 9)))
    assert grid(store, only(rows))
    assert seen == [["reference", "measurement", "dps", "ddrm"]]
