"""The site: links out of the pages lead somewhere, every page is in the navigation, every component has a page."""

import ast
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from dreamclean import DPS, VPS, Projection
from dreamclean.host.host import Entry

pytest.importorskip("sphinx")
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
HOME = "https://github.com/dreamclean/dreamclean"
SCRIPTS = sorted(DOCS.glob("gallery/plot_*.py"))


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a module of the site's, as ``docs/conf.py`` does."""
    monkeypatch.syspath_prepend(DOCS)
    monkeypatch.syspath_prepend(DOCS / "_site")
    return importlib.import_module


@pytest.mark.parametrize(("link", "goal"), [
    ("../plugins/dreamclean-app/README.md", "/plugins/dreamclean-app/README.md"),
    ("../plugins/dreamclean-app", "/plugins/dreamclean-app/README.md"),
    ("../dreamclean/method/loop.py", f"{HOME}/blob/main/dreamclean/method/loop.py"),
    ("../dreamclean/method", f"{HOME}/tree/main/dreamclean/method"),
    ("gallery/", "/docs/generated/gallery/index.rst"),
    ("images/uneven.jpg", "images/uneven.jpg"),
    ("../dreamclean/no_such_file.py", "../dreamclean/no_such_file.py"),
    ("../../outside.md", "../../outside.md"),
])  # fmt: skip
def test_target_is_a_page_or_the_repository_or_left_to_fail(
    module: Callable[[str], ModuleType], link: str, goal: str
) -> None:
    pages = {"plugins/dreamclean-app/README.md", "docs/generated/gallery/index.rst"}
    assert module("repository_links").target(link, DOCS, pages) == goal


def test_anchored_names_the_page_in_the_anchors_and_in_links_to_them(module: Callable[[str], ModuleType]) -> None:
    text = '- [blur](#blur)\n- [other](#other)\n\n<a id="blur"></a>\n\n## blur: a lens\n'
    assert module("repository_links").anchored(text, "docs-report") == (
        "- [blur](#docs-report-blur)\n- [other](#other)\n\n{#docs-report-blur}\n\n## blur: a lens\n"
    )


def test_page_of_a_component_has_settings_paper_and_source(module: Callable[[str], ModuleType]) -> None:
    page = module("component_pages").page(Entry("corrector", "vps", VPS, "dreamclean", "1.2.3"))
    assert page.startswith("# vps\n") and "1.2.3" in page and "| `gamma` |" in page
    assert "| Paper | DreamClean (ICLR 2024), Eq. 8, 9, A2 |" in page
    source = re.search(r"\(\.\./\.\./\.\./(\S+)\)", page)
    assert source and (ROOT / source[1]).is_file()


@pytest.mark.parametrize(("component", "paper"), [(DPS, "Chung, Kim, McCann"), (Projection, "Wang et al. 2023")])
def test_papers_are_those_of_the_module_too(module: Callable[[str], ModuleType], component: type, paper: str) -> None:
    assert any(paper in found for found in module("component_pages").papers(component))


def test_navigation_has_every_page_of_docs() -> None:
    text = (DOCS / "_toc.yml").read_text()
    entries = re.findall(r"(?:root|file|glob): (\S+)", text)
    pages = {p for entry in entries for p in ROOT.glob(f"{entry}.md")}
    generated = {"docs/generated/gallery/index", "docs/generated/components/index"}
    assert generated <= set(entries)
    assert {p for p in DOCS.rglob("*.md") if not {"generated", "images", "gallery"} & set(p.parts)} <= pages
    assert {*ROOT.glob("plugins/*/README.md"), *ROOT.glob("contrib/*/README.md")} <= pages


def test_gallery_has_twelve_scripts() -> None:
    assert len(SCRIPTS) >= 12


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_gallery_script_has_a_title_and_says_what_it_shows(script: Path) -> None:
    title, line, *rest = (ast.get_docstring(ast.parse(script.read_text())) or "").split("\n")
    assert line == "=" * len(title) and len(" ".join(rest)) > 80
