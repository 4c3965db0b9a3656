"""The report as one HTML page that needs no other file."""

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape

from dreamclean_bench.report.layout import CAVEAT, LEGEND, Entry, Sheet
from dreamclean_bench.report.names import slug
from dreamclean_bench.report.paired import LEGEND as PAIRED
from dreamclean_bench.report.tables import Table

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #57606a; --line: #d0d7de; --ours: #eef5ff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0f1318; --faint: #9aa6b2; --line: #30363d; --ours: #13233a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 102rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { line-height: 1.2; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
a { color: inherit; } nav ul { columns: 16rem; padding-left: 1.2rem; }
pre { padding: .6rem; border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { vertical-align: bottom; border-bottom-width: 2px; }
th:first-child, td:first-child, .paper { text-align: left; }
th.paper, td.paper { white-space: normal; min-width: 13rem; color: var(--faint); }
td:first-child small { display: block; white-space: normal; max-width: 18rem; overflow-wrap: anywhere;
  color: var(--faint); font-weight: normal; }
tr.ours { background: var(--ours); } tr.ours td:first-child, .best { font-weight: 700; }
.faint, .notes, figcaption { color: var(--faint); font-size: .9rem; overflow-wrap: anywhere; }
figure { margin: 1.2rem 0; } img { display: block; border-radius: 6px; background: #fff; }
img.plot { width: 100%; max-width: 1150px; min-width: 36rem; height: auto; }
img.grid { max-width: 100%; min-width: 62rem; height: auto; }
"""


def data_uri(picture: bytes, kind: str) -> str:
    """``picture`` as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def page(
    title: str,
    command: str,
    versions: Sequence[str],
    tables: Sequence[tuple[Table, Sheet]],
    pictures: Mapping[int, Sequence[tuple[str, str, str]]],
    overview: Sequence[tuple[str, str, str]] = (),
    beside: Sheet | None = None,
) -> str:
    """The page. ``pictures``: of the table with that index, captions, data URIs and CSS classes; ``overview``: of all.

    ``beside``: the table of :mod:`~dreamclean_bench.report.paired`.
    """
    tasks = list(dict.fromkeys(table.task for table, _ in tables))
    links = "".join(f'<li><a href="#{slug(task)}">{escape(task)}</a></li>' for task in tasks)
    body = [f"<h1>{escape(title)}</h1>"]
    if command:
        body.append(f"<p>Made with</p><pre>{escape(command)}</pre>")
    if versions:
        body.append(f'<p class="faint">Versions: {escape(", ".join(versions))}.</p>')
    body += [
        f"<p>{_bold(LEGEND)}</p>",
        f"<p>{escape(CAVEAT)}</p>",
        *(_beside(beside) if beside else []),
        *map(_figure, overview),
        f'<nav aria-label="Tasks"><ul>{links}</ul></nav>',
    ]
    task = None
    for index, (table, sheet) in enumerate(tables):
        if table.task != task:
            task = table.task
            body.append(f'<h2 id="{slug(task)}">{escape(table.heading)}</h2>')
        body += _section(table, sheet, pictures.get(index, ()))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _bold(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text))


def _section(table: Table, sheet: Sheet, pictures: Sequence[tuple[str, str, str]]) -> list[str]:
    setting = escape(f"{table.setting[0].upper()}{table.setting[1:]}")
    lines = [f'<p class="faint">{setting}.</p>' if table.alone else f"<h3>{setting}</h3>"]
    if table.operator:
        lines.append(f'<p class="faint">Degradation: <code>{escape(table.operator)}</code></p>')
    lines.append(_scrolling(sheet, table.task))
    if sheet.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in sheet.notes)
        lines.append(f'<ol class="notes">{notes}</ol>')
    return [*lines, *map(_figure, pictures)]


def _beside(sheet: Sheet) -> list[str]:
    words = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", PAIRED)  # the page stands alone: it links to no file
    notes = " ".join(map(escape, sheet.notes))
    return [f"<p>{_bold(words)}</p>", _scrolling(sheet, "DreamClean beside the best of the others"), f"<p>{notes}</p>"]


def _scrolling(sheet: Sheet, label: str) -> str:
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">{_table(sheet)}</div>'


def _figure(picture: tuple[str, str, str]) -> str:
    """Caption, address and CSS class as HTML."""
    caption, address, kind = picture
    image = f'<img class="{kind}" src="{address}" alt="{escape(caption)}">'
    return (
        f'<figure><div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">{image}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _table(sheet: Sheet) -> str:
    kinds = ["paper" if head.startswith("paper") else "" for head in sheet.head]
    head = "".join(
        _cell("th", escape(text), kind, ' scope="col"') for text, kind in zip(sheet.head, kinds, strict=True)
    )
    lines = []
    for ours, entries in sheet.lines:
        cells = [_cell("td", _method(entries[0]), "", "")]
        for entry, kind in zip(entries[1:], kinds[1:], strict=True):
            classes = " ".join(filter(None, [kind, "best" if entry.best else ""]))
            cells.append(_cell("td", escape(entry.text) + _marks(entry), classes, ""))
        lines.append(f"<tr{' class=ours' if ours else ''}>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _cell(tag: str, inner: str, classes: str, more: str) -> str:
    chosen = f' class="{classes}"' if classes else ""
    return f"<{tag}{chosen}{more}>{inner}</{tag}>"


def _method(entry: Entry) -> str:
    """The name, and under it the settings."""
    name, _, settings = entry.text.partition(":")
    small = f"<small>{escape(settings.replace(',', ', '))}</small>" if settings else ""
    return f"{escape(name)}{_marks(entry)}{small}"


def _marks(entry: Entry) -> str:
    return "".join(f" <sup>{number}</sup>" for number in entry.notes)
