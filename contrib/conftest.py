"""The packages here are tested where they are installed, ``pip install -e contrib/NAME``; the others are named.

``tests/test_installed_plugin.py`` runs the tests of the plugins among them.
"""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest


def _installed(folder: Path) -> bool:
    try:
        metadata.distribution(tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"])
    except metadata.PackageNotFoundError:
        return False
    return True


_absent = [p.parent for p in sorted(Path(__file__).parent.glob("*/pyproject.toml")) if not _installed(p.parent)]
collect_ignore = [str(folder) for folder in _absent]
collect_ignore_glob = ["plugin-template/*"]  # files to fill in


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _absent:
        terminalreporter.line(f"contrib: not installed, so not tested: {', '.join(folder.name for folder in _absent)}")
