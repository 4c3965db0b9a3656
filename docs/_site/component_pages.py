"""A page for each component of the installed packages: what it does, its settings, paper and source."""

import importlib
import inspect
import re
import shutil
from pathlib import Path
from typing import Any

from build_reference import component_settings, markdown, table
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from dreamclean.host.host import Entry, Host

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/generated/components"
REFERENCE = re.compile(r"\(([^()]*\b(?:paper|DreamClean|(?:19|20)\d\d)\b[^()]*)\)")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", write)
    return {"parallel_read_safe": True}


def write(app: Sphinx, config: Config) -> None:
    """The pages, and one that lists them."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    host = Host()
    parts = [
        "# Components\n\nEvery component of this project's packages. `dreamclean plugins` lists those on your machine."
    ]
    for kind in host.kinds:
        entries = [entry for entry in host.collect() if entry.kind == kind]
        rows = [[f"[{e.name}]({kind}-{e.name}.md)", summary(e.component), e.package] for e in entries]
        parts += [f"## {kind.capitalize()}s", summary(host.base(kind)), table(["Name", "What it is", "Package"], rows)]
        for entry in entries:
            (FOLDER / f"{kind}-{entry.name}.md").write_text(page(entry))
    (FOLDER / "index.md").write_text("\n\n".join(parts) + "\n")
    for package, error in host.failures.items():
        logging.getLogger(__name__).warning("no pages for %s: %s", package, error)


def summary(cls: type[Any]) -> str:
    return " ".join(markdown(cls).split("\n\n", maxsplit=1)[0].split())


def page(entry: Entry) -> str:
    """The page of one component."""
    cls = entry.component
    facts = [
        ["Kind", entry.kind],
        ["Package", f"`{entry.package}` {entry.version}"],
        ["Written", f"`{entry.name}`, in Python `{cls.__name__}`"],
        *(["Paper", paper] for paper in papers(cls)),
        ["Source", f"[`{cls.__module__}`]({source(cls)})"],
    ]
    parts = [f"# {entry.name}", markdown(cls), table(["", ""], facts), "## Settings", component_settings(cls)]
    return "\n\n".join(parts) + "\n"


def papers(cls: type[Any]) -> list[str]:
    """What the docstrings of the class and its module name as the source, in brackets."""
    first = (importlib.import_module(cls.__module__).__doc__ or "").split("\n\n", maxsplit=1)[0]
    text = " ".join(f"{first} {inspect.cleandoc(cls.__doc__ or '')}".split())
    found = [re.sub(r"^paper\b", "DreamClean (ICLR 2024)", paper) for paper in REFERENCE.findall(text)]
    return list(dict.fromkeys(found))


def source(cls: type[Any]) -> str:
    """The file of the class, as a path that leads there from the page."""
    place = Path(inspect.getfile(cls)).resolve().relative_to(ROOT)
    return f"../../../{place.as_posix()}"
