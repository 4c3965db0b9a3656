"""The report as Markdown."""

import re
from collections.abc import Mapping, Sequence

from dreamclean_bench.report.layout import CAVEAT, LEGEND, Entry, Sheet
from dreamclean_bench.report.names import slug
from dreamclean_bench.report.paired import LEGEND as PAIRED
from dreamclean_bench.report.tables import Table


def escape(text: str) -> str:
    """``text`` as Markdown shows it, letter by letter, in a table too."""
    text = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]<>|~])", r"\\\1", text).replace("&", "&amp;")


def fenced(text: str) -> list[str]:
    """``text`` as a block of code, whatever backticks it has."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return [f"{fence}text", text, fence]


def markdown(
    title: str,
    command: str,
    versions: Sequence[str],
    tables: Sequence[tuple[Table, Sheet]],
    pictures: Mapping[int, Sequence[tuple[str, str]]],
    overview: Sequence[tuple[str, str]] = (),
    beside: Sheet | None = None,
) -> str:
    """The page. ``pictures``: of the table with that index, captions and where the files lie; ``overview``: of all.

    ``beside``: the table of :mod:`~dreamclean_bench.report.paired`.
    """
    lines = [f"# {escape(title)}", ""]
    if command:
        lines += ["Made with", "", *fenced(command), ""]
    if versions:
        lines += [f"Versions: {escape(', '.join(versions))}.", ""]
    lines += [
        LEGEND,
        "",
        CAVEAT,
        "",
        "Every cell is in [cells.csv](cells.csv), the tables in [summary.csv](summary.csv).",
    ]
    if beside:
        lines += ["", PAIRED, "", *_table(beside), "", *map(escape, beside.notes)]
    for caption, path in overview:
        lines += ["", f"![{escape(caption)}]({path})", "", escape(caption)]
    tasks = list(dict.fromkeys(table.task for table, _ in tables))
    lines += ["", *(f"- [{escape(task)}](#{slug(task)})" for task in tasks), ""]
    task = None
    for index, (table, sheet) in enumerate(tables):
        if table.task != task:
            task = table.task
            lines += [f'<a id="{slug(task)}"></a>', "", f"## {escape(table.heading)}", ""]
        lines += _section(table, sheet, pictures.get(index, ()))
    return "\n".join(lines).rstrip() + "\n"


def _section(table: Table, sheet: Sheet, pictures: Sequence[tuple[str, str]]) -> list[str]:
    lines = [] if table.alone else [f"### {escape(table.setting)}", ""]
    about = f"{table.setting[0].upper()}{table.setting[1:]}."
    lines += [escape(about), ""]
    if table.operator:
        lines += [f"Degradation: {escape(table.operator)}", ""]
    lines += [*_table(sheet), ""]
    for number, note in enumerate(sheet.notes, 1):
        lines += [f"{_mark(number)} {escape(note)}", ""]
    for caption, path in pictures:
        lines += [f"![{escape(caption)}]({path})", "", escape(caption), ""]
    return lines


def _table(sheet: Sheet) -> list[str]:
    align = ["---", *("--:" for _ in sheet.head[1:-1]), "---"]
    lines = [_line(sheet.head), _line(align)]
    for ours, entries in sheet.lines:
        words = [_words(entry, bold=entry.best or (ours and number == 0)) for number, entry in enumerate(entries)]
        lines.append(_line(words))
    return lines


def _line(words: Sequence[str]) -> str:
    return f"| {' | '.join(words)} |"


def _words(entry: Entry, bold: bool) -> str:
    text = f"**{escape(entry.text)}**" if bold else escape(entry.text)
    return " ".join([text, *map(_mark, entry.notes)])


def _mark(number: int) -> str:
    return f"<sup>{number}</sup>"
