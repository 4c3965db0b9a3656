"""Lines of status, as HTML. Every text that is put in is escaped."""

from html import escape


def line(text: str, kind: str = "calm") -> str:
    """One line; ``kind``: calm, good or bad."""
    return f'<div class="dc-line dc-{kind}" role="status">{escape(text)}</div>' if text else ""


def lines(texts: list[tuple[str, str]]) -> str:
    """Several lines of text and kind."""
    return "".join(line(text, kind) for text, kind in texts)


def progress(text: str, share: float | None) -> str:
    """A bar that is filled by ``share``, or moves where that is unknown, with a text under it."""
    percent = None if share is None else 100 * min(max(share, 0), 1)
    width = "" if percent is None else f' style="width:{percent:.1f}%"'
    value = "" if percent is None else f' aria-valuenow="{percent:.0f}"'
    busy = " dc-busy" if share is None else ""
    bar = f'<div class="dc-bar{busy}" role="progressbar" aria-label="{escape(text)}"{value}><div{width}></div></div>'
    return f'{bar}<div class="dc-line dc-calm">{escape(text)}</div>'


def duration(seconds: float) -> str:
    """In words, rounded as suits an estimate."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
