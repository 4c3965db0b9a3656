"""The documentation is true: generated pages are fresh, examples run, links lead somewhere.

In docs/, every ``python`` block is run, the blocks of a page one after the other in one namespace and one
empty folder. A block (of any language) that starts with ``# file: NAME`` is written to that file instead.
Of a ``console`` block the lines ``$ dreamclean ...`` are run. Blocks in ``py``, ``sh``, ``toml`` and ``text``
are for reading.
"""

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
import typer

from dreamclean import DDPMSchedule, Model, Prior, hookimpl
from dreamclean.builtin import hooks
from dreamclean.cli.main import app
from dreamclean.host import hookspecs, loader
from dreamclean.host import host as plugins

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if not {"bench", "generated"} & set(p.relative_to(DOCS).parts))
LANGUAGES = {"python", "console", "py", "sh", "toml", "text"}
NAMED = re.compile(r"`((?:dreamclean|docs|tests)/[\w./-]+)`")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DISCOVER = loader.discover
SPECS = {**vars(hooks), **vars(hookspecs)}
HOOKS = [name for name, value in SPECS.items() if hasattr(value, "dreamclean_spec")]


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        found = re.match(r"# file: (\S+)\n", self.text)
        return found[1] if found else None


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [Block(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in BLOCK.finditer(text)]


def links(page: Path) -> list[str]:
    """Where the page's text leads within the repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text()))
    return [target for target in targets if not re.match(r"https?://|mailto:", target)]


def label(page: Path) -> str:
    return str(page.relative_to(DOCS))


class Grey(Prior):
    """Every pixel is drawn from N(1/2, 1/16), with its exact posterior mean: a prior for any size of picture."""

    name = "grey"

    def load(self, device, dtype) -> Model:
        return Model(DDPMSchedule.linear(), lambda x, at: at.sigma * x / (at.alpha**2 * 0.25 + at.sigma**2))


class GreyPlugin:
    @staticmethod
    @hookimpl
    def register_priors(register):
        register(Grey)

    @staticmethod
    @hookimpl
    def defaults():
        return {"prior": "grey"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder that Python imports from, where one plugin offers a default prior."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(loader, "discover", lambda: [loader.Plugin("grey", "1.0", "grey", GreyPlugin)])
    plugins.host.cache_clear()
    modules = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    plugins.host.cache_clear()


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_reference", DOCS / "build_reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_is_what_the_code_says(generator: ModuleType):
    assert generator.stale() == [], "run python docs/build_reference.py"


def test_reference_is_stale_where_a_page_is_changed_or_missing(generator: ModuleType, tmp_path: Path):
    (tmp_path / "hooks.md").write_text(generator.text_of("hooks.md") + "\n")
    (tmp_path / "python.md").write_text(generator.text_of("python.md"))
    assert [path.name for path in generator.stale(tmp_path)] == ["hooks.md", "components.md"]


def test_reference_has_every_hook():
    headings = re.findall(r"^## (\w+)$", (DOCS / "reference/hooks.md").read_text(), re.MULTILINE)
    assert headings == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_docs_have_an_example_of_every_hook(hook: str):
    examples = "\n".join(block.text for block in blocks(DOCS / "plugins.md") if block.language == "python")
    assert re.search(rf"@hookimpl\ndef {hook}\(", examples), f"docs/plugins.md shows no {hook}"


@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(b.language in ("python", "console") for b in blocks(p))], ids=label
)
def test_docs_examples_run(page: Path, folder: Path):
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.file:
            write(folder / block.file, block.text)
        elif block.language == "python":
            code = compile("\n" * block.line + block.text, str(page), "exec")
            exec(code, namespace)
        elif block.language == "console":
            run_commands(block.text)


def run_commands(text: str) -> None:
    for line in re.findall(r"^\$ dreamclean (.*)$", text, re.MULTILINE):
        assert not app(shlex.split(line), standalone_mode=False), line


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plugin of docs/plugins.md, laid out as pip would install it."""
    files = {block.file: block.text for block in blocks(DOCS / "plugins.md") if block.file}
    for name, text in files.items():
        write(tmp_path / name, text)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    metadata = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    write(metadata / "METADATA", f"Name: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"{name} = {module}" for name, module in project["entry-points"]["dreamclean"].items()]
    write(metadata / "entry_points.txt", "\n".join(["[dreamclean]", *lines]))
    monkeypatch.setenv("DREAMCLEAN_PLUGINS", project["name"])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_docs_plugin_passes_its_tests_once_installed(installed: Path):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        installed,
        installed / "tests",
    ]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_docs_plugin_brings_a_command_and_every_kind(installed: Path, folder: Path):
    host = plugins.Host([plugin for plugin in DISCOVER() if plugin.package == "dreamclean-sepia"])
    commands = host.commands(typer.Typer)
    assert {entry.kind for entry in host.collect() if entry.package == "dreamclean-sepia"} == set(host.kinds)
    assert list(commands) == ["sepia"]
    assert host.failures == {}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=label)
def test_docs_blocks_say_their_language(page: Path):
    assert {block.language for block in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize("page", [page for page in PAGES if links(page)], ids=label)
def test_docs_links_lead_somewhere(page: Path):
    for target in links(page):
        path, _, anchor = target.partition("#")
        goal = (page.parent / path) if path else page
        assert goal.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(goal), f"{target} is not a heading there"


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [page for page in PAGES if NAMED.search(page.read_text())], ids=label)
def test_docs_name_files_that_are_there(page: Path):
    for path in NAMED.findall(page.read_text()):
        assert (ROOT / path).exists(), path


def test_docs_index_reaches_every_page():
    seen, todo = set(), [DOCS / "index.md"]
    while todo:
        page = todo.pop().resolve()
        if page not in seen:
            seen.add(page)
            links = re.findall(r"\]\(([^)\s#:]+\.md)", page.read_text())
            todo += [goal for link in links if DOCS in (goal := (page.parent / link).resolve()).parents]
    assert {page.resolve() for page in PAGES} <= seen
