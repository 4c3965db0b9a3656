"""The Python of every README runs, and the commands of every page and README exist.

A tiny network stands in for models whose weights are not here.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dreamclean
from dreamclean import Prior, Restorer
from dreamclean.host import host as plugins
from dreamclean.host import loader
from dreamclean.host.discovery import Plugin, discover

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READMES = [p for p in sorted([ROOT / "README.md", *ROOT.glob("*/*/README.md")]) if BLOCK.search(p.read_text())]
PAGES = [*ROOT.glob("docs/*.md"), ROOT / "README.md", *ROOT.glob("*/*/README.md")]
SHELL = re.compile(r"^```(?:sh|console)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VIGNETTE = ROOT / "contrib" / "dreamclean-vignette"


@pytest.fixture
def tiny(unet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``Restorer`` makes the prior that is asked for, but runs a tiny network, for two steps."""

    class Tiny(Restorer):
        def __init__(self, prior: Any = None, **settings: Any) -> None:
            assert prior is None or isinstance(plugins.host().make("prior", prior), Prior)
            super().__init__(unet, **{"steps": 2, **settings})

    monkeypatch.setattr(dreamclean, "Restorer", Tiny)


@pytest.fixture
def vignette(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example plugin beside the installed ones."""
    monkeypatch.syspath_prepend(VIGNETTE)

    def load() -> Any:
        import dreamclean_vignette

        return dreamclean_vignette

    monkeypatch.setattr(loader, "discover", lambda: [*discover(), Plugin("dreamclean-vignette", "0", "vignette", load)])
    plugins.host.cache_clear()
    yield
    plugins.host.cache_clear()


@pytest.mark.filterwarnings("ignore::dreamclean.DreamCleanWarning")  # the network is random
@pytest.mark.usefixtures("tiny", "vignette")
@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_readme_examples_run(readme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in re.findall(r"^from (dreamclean_\w+)", readme.read_text(), re.MULTILINE):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    text = "\n".join(BLOCK.findall(readme.read_text()))
    given = re.findall(r'\)\("([\w-]+\.\w+)"\)', text)
    saved = set(re.findall(r'save\("([\w-]+\.\w+)"\)', text))
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    for name in given:
        Image.fromarray(pixels).save(name)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, str(readme), "exec"), namespace)
    assert {path.name for path in tmp_path.iterdir()} == saved.union(given)


def commands() -> dict[tuple[str, ...], set[str]]:
    """The commands in the shell blocks of all pages, each with every option that it is shown with."""
    found: dict[tuple[str, ...], set[str]] = {}
    for text in (block for page in PAGES for block in SHELL.findall(page.read_text())):
        for line in re.findall(r"(?:^|\| )(?:\$ )?dreamclean ([^|#\n]+)", text.replace("\\\n", " "), re.MULTILINE):
            name, *words = line.split()
            group = (name, *words[:1]) if name in ("bench", "adm", "ray") else (name,)
            found.setdefault(group, set()).update(word for word in words if re.match(r"--?[a-z]", word))
    del found[("sepia",)]  # the example plugin of docs/plugins.md, which tests/test_docs.py runs
    return {name: options for name, options in found.items() if re.match(r"[a-z]", name[0])}


@pytest.mark.parametrize(("name", "options"), commands().items(), ids=map(" ".join, commands()))
def test_readme_and_page_commands_exist(name: tuple[str, ...], options: set[str], cli: Any) -> None:
    if len(name) > 1:
        pytest.importorskip(f"dreamclean_{name[0]}")
    status, shown, _ = cli(*name, "-h")
    assert status == 0
    assert {option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", shown)} == set()
