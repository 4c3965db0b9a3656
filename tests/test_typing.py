"""Code outside the repository as a type checker in an editor sees it: mypy, strict, without pydantic's plugin."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import dreamclean

pytest.importorskip("mypy")

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "contrib/plugin-template/dreamclean_example"
CONFIG = """
[mypy]
strict = true
[mypy-readme]
disallow_untyped_defs = false
disallow_untyped_calls = false
[mypy-torch.*,diffusers.*,numpy.*,PIL.*,rich.*,typer.*]
follow_imports = skip
ignore_missing_imports = true
"""
CLIENT = """
from dreamclean import DDIM, JPEG, VPS, Blur, Downsample, Inpaint, Restorer
from dreamclean_example.interlaced import Interlaced

Restorer(operator=Interlaced(), corrector=VPS(gamma=0.1), sampler=DDIM())
Restorer(operator=Interlaced(first=1, noise=0.02))
Restorer(operator=Downsample(factor=2), exact=True)
Blur(), Inpaint(share=0.1), JPEG(quality=(10,))
"""
MISTAKEN = """
from dreamclean import VPS, Restorer
from dreamclean_example.interlaced import Interlaced

Interlaced(frist=1)
VPS(gamma="much")
Restorer(steps="many")
"""


def test_what_people_write_is_clean_and_what_they_mistype_is_red(tmp_path: Path):
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(code) == 2
    files = {"mypy.ini": CONFIG, "readme.py": "\n".join(code), "client.py": CLIENT, "mistaken.py": MISTAKEN}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "dreamclean_example").mkdir()
    for path in TEMPLATE.glob("*.py"):
        (tmp_path / "dreamclean_example" / path.name).write_text(path.read_text())
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", ".cache", "."]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert re.findall(r"^(.*?): error: .*\[([\w-]+)\]$", said, re.MULTILINE) == [
        ("mistaken.py:5", "call-arg"),
        ("mistaken.py:6", "arg-type"),
        ("mistaken.py:7", "arg-type"),
    ], said


ERRORS = {"ComponentError", "DreamCleanError", "DreamCleanWarning", "InvalidSetting"}


def test_every_public_name_is_exported():
    assert set(dreamclean.__all__) == {*ERRORS, "__version__", "hookimpl", *dreamclean._MODULES}
    assert all(hasattr(dreamclean, name) for name in dreamclean.__all__)
