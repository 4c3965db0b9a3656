"""What a release rests on: one version, bounds between the packages, a citation that can be read."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from dreamclean import __version__

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(ROOT.glob("plugins/*/pyproject.toml"))
ASSETS = {".png", ".jpg", ".webp", ".svg", ".safetensors", ".ttf", ".otf", ".woff2", ".npz", ".onnx", ".pt"}
PROJECTS = [ROOT / "pyproject.toml", *PLUGINS, *sorted(ROOT.glob("contrib/*/pyproject.toml"))]


def project(path: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(path.read_text())["project"]
    return table


def siblings(path: Path) -> list[Requirement]:
    """What a package needs of this repository's others."""
    table = project(path)
    needed = [*table["dependencies"], *(n for names in table.get("optional-dependencies", {}).values() for n in names)]
    return [r for r in map(Requirement, needed) if r.name.startswith("dreamclean")]


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.parent.name)
def test_version_of_a_plugin_is_that_of_the_kernel(path: Path) -> None:
    version = tomllib.loads(path.read_text())["tool"]["hatch"]["version"]["path"]
    assert (path.parent / version).resolve() == ROOT / "dreamclean/version.py"
    assert "version" in project(path)["dynamic"]


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)
def test_bounds_have_this_version_and_not_the_next_that_may_break(path: Path) -> None:
    now = Version(__version__)
    following = f"{now.major}.{now.minor + 1}" if now.major == 0 else f"{now.major + 1}.0"
    assert siblings(path)
    for requirement in siblings(path):
        assert now in requirement.specifier, f"{requirement} leaves {now} out"
        assert following not in requirement.specifier, f"{requirement} takes {following}"


@pytest.mark.parametrize(
    "package", [".", "plugins/dreamclean-starter", "plugins/dreamclean-adm", "plugins/dreamclean-bench"]
)
def test_lowest_constraints_are_the_bounds_that_are_promised(package: str) -> None:
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    lowest = dict(line.split("==") for line in lines if not line.startswith("#"))
    table = project(ROOT / package / "pyproject.toml")
    extras = table.get("optional-dependencies", {})
    promised = [*table["dependencies"], *extras.get("testing", []), *extras.get("onnx", []), *extras.get("figures", [])]
    for requirement in map(Requirement, promised):
        if not requirement.name.startswith("dreamclean") and requirement.name != "torch":  # torch: see the file
            (bound,) = (part.version for part in requirement.specifier if part.operator == ">=")
            assert Version(lowest[requirement.name]) == Version(bound), requirement.name


def test_changelog_has_this_version_first() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == __version__


def test_citation_has_this_version_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__ and citation["license"] == project(ROOT / "pyproject.toml")["license"]
    assert citation["preferred-citation"]["title"].startswith("DreamClean: Restoring Clean Image")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_licences_has_every_picture_and_every_file_of_weights() -> None:
    listed = re.findall(r"`([\w./*-]+)`", (ROOT / "docs/licences.md").read_text())
    for place in ("contrib", "docs/images", "docs/bench", "dreamclean", "plugins"):
        for file in (ROOT / place).rglob("*"):
            path = file.relative_to(ROOT).as_posix()
            if file.suffix in ASSETS:
                assert any(fnmatch(path, pattern) for pattern in listed), f"docs/licences.md has no {path}"
    assert all(list(ROOT.glob(pattern)) for pattern in listed if "/" in pattern), "what is listed is there"
