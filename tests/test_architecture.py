"""The house: what the kernel may not know, and how long its functions may be. Imports are held by import-linter."""

import ast
import re
from pathlib import Path

import pytest

import dreamclean

ROOT = Path(dreamclean.__file__).parent
KERNEL = [
    path
    for room in ("contracts", "pictures", "recipe", "host", "method", "restorer.py")
    for path in ([ROOT / room] if room.endswith(".py") else sorted((ROOT / room).rglob("*.py")))
]
PLUGINS = re.compile(r"tiled|starter|diagnos|calibrat|\bauto\b", re.IGNORECASE)
"""Words of plugins in spirit: none of them is the kernel's."""
DEVICE = re.compile(r"device|precision|dtype|float32|name (==|in)|asked", re.IGNORECASE)
"""Lines where ``auto`` is a device or a precision."""


@pytest.mark.parametrize("path", KERNEL, ids=lambda path: str(path.relative_to(ROOT)))
def test_kernel_knows_no_plugin(path: Path) -> None:
    if path.name == "old.py":  # reads what earlier versions wrote
        return
    lines = path.read_text().splitlines()
    known = [line for line in lines if PLUGINS.search(line) and not DEVICE.search(line)]
    assert not known


def test_loader_names_the_built_in_components_once() -> None:
    naming = [path.name for path in KERNEL if "dreamclean.builtin" in path.read_text()]
    assert naming == ["loader.py"]
    assert (ROOT / "host" / "loader.py").read_text().count("dreamclean.builtin") == 1


def test_root_holds_few_files() -> None:
    assert len(list(ROOT.glob("*.py"))) <= 6


def test_kernel_functions_are_short() -> None:
    """Under 40 lines of code, without the signature and the docstring."""
    long = []
    for path in KERNEL:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and body[-1].end_lineno - body[0].lineno + 1 >= 40:
                    long.append(f"{path.name}: {node.name}")
    assert not long
