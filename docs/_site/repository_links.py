"""Links to what the site has no page for lead into the repository on the web.

The site is built from the repository as it lies there, so a relative link leads to the same file on the site as on
GitHub. A source file or a folder has no page: its link gets the address of the repository. A link that leads nowhere
is left as it is, and MyST reports it.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
HOME = "https://github.com/dreamclean/dreamclean"
GENERATED = {"docs/gallery": "docs/generated/gallery/index.rst"}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
ANCHOR = re.compile(r'^<a id="([\w-]+)"></a>$', re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", rewrite)
    return {"parallel_read_safe": True}


def rewrite(app: Sphinx, docname: str, source: list[str]) -> None:
    """Change the links of one Markdown page."""
    page = Path(app.env.doc2path(docname))
    if page.suffix == ".md":
        pages = {Path(app.env.doc2path(name)).relative_to(ROOT).as_posix() for name in app.env.found_docs}
        text = LINK.sub(lambda match: target(match[1], page.parent, pages), source[0])
        source[0] = anchored(text, docname.replace("/", "-"))


def anchored(text: str, prefix: str) -> str:
    """Anchors in HTML as MyST writes them, and the page's own links to them; a name counts for the whole site."""
    for name in ANCHOR.findall(text):
        text = text.replace(f"](#{name})", f"](#{prefix}-{name})")
    return ANCHOR.sub(rf"{{#{prefix}-\1}}", text)


def target(link: str, folder: Path, pages: set[str]) -> str:
    """Where ``link``, written on a page in ``folder``, leads on the site."""
    goal = (folder / link).resolve()
    if not goal.exists() or not goal.is_relative_to(ROOT) or goal.suffix in (".png", ".jpg", ".webp", ".svg"):
        return link
    place = goal.relative_to(ROOT).as_posix()
    page = GENERATED.get(place, f"{place}/README.md" if goal.is_dir() else place)
    if page in pages:
        return f"/{page}"
    return f"{HOME}/{'tree' if goal.is_dir() else 'blob'}/main/{place}"
