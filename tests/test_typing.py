"""Code outside the repository as a type checker in an editor sees it: mypy, strict, without pydantic's plugin."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dreamclean

pytest.importorskip("mypy")

ROOT = Path(__file__).parents[1]
VIGNETTE = ROOT / "contrib/dreamclean-vignette/dreamclean_vignette"
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
from typing import Unpack

from dreamclean import DDIM, JPEG, VPS, Blur, Downsample, Inpaint, Recipe, Restorer, Settings
from dreamclean_vignette.vignette import Vignette

Restorer(operator=Vignette(), corrector=VPS(gamma=0.1), sampler=DDIM())
Restorer(operator=Vignette(stops=1, noise=0.02))
Restorer(operator=Downsample(factor=2), exact=True)
Blur(), Inpaint(share=0.1), JPEG(quality=(10,))


def wrapped(**settings: Unpack[Settings]) -> Recipe:
    return Restorer("starter", **settings).recipe


Restorer(recipe=Recipe(corrector="vps", steps=4))
Restorer(prior="starter", noise="25/255", device="cpu", max_megapixels=2)
wrapped(tile=None, seed=3)
"""
MISTAKEN = """
from dreamclean import VPS, Recipe, Restorer
from dreamclean_vignette.vignette import Vignette

Vignette(stpos=1)
VPS(gamma="much")
Restorer(steps="many")
Restorer(stepz=3)
Recipe(stepz=3)
Recipe(device="cpu")
"""

RESULTS = """
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import assert_type

from dreamclean import Restoration, Restorer

restorer = Restorer()
array: NDArray[np.uint8] = np.zeros((2, 2, 3), np.uint8)
paths: list[Path] = []


def width(result: Restoration[Image.Image]) -> int:
    return result.image.width


assert_type(restorer("photo.png"), Restoration[Image.Image])
assert_type(restorer(Path("photo.png")).image, Image.Image)
assert_type(restorer(array), Restoration[np.ndarray])
assert_type(restorer(torch.zeros(1, 3, 2, 2)).image, torch.Tensor)
assert_type(restorer(paths, seed=[1, 2]), list[Restoration[Image.Image]])
assert_type(restorer((array,)), list[Restoration[np.ndarray]])
assert_type(restorer([torch.zeros(2, 3, 2, 2)], seed=[[1, 2]]), list[Restoration[torch.Tensor]])
restorer(["photo.png", array])[0].save("out.png")
width(restorer("photo.png"))
width(restorer(array))
"""


def test_mypy_passes_what_people_write_and_marks_what_they_mistype(tmp_path: Path, template_plugins: list[Path]):
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(code) == 2
    files = {"mypy.ini": CONFIG, "readme.py": "\n".join(code), "client.py": CLIENT, "mistaken.py": MISTAKEN}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for package in (VIGNETTE, *(module for plugin in template_plugins for module in plugin.glob("dreamclean_*"))):
        shutil.copytree(package, tmp_path / package.name)
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", ".cache", "."]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert re.findall(r"^(.*?): error: .*\[([\w-]+)\]$", said, re.MULTILINE) == [
        ("mistaken.py:5", "call-arg"),
        ("mistaken.py:6", "arg-type"),
        ("mistaken.py:7", "arg-type"),
        ("mistaken.py:8", "call-arg"),
        ("mistaken.py:9", "call-arg"),
        ("mistaken.py:10", "call-arg"),
    ], said


def test_restorer_is_typed_by_what_goes_in(tmp_path: Path):
    (tmp_path / "results.py").write_text(RESULTS)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", ".cache", "results.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    line = RESULTS.splitlines().index("width(restorer(array))") + 1
    assert re.findall(r"^results.py:(\d+): error: .*\[([\w-]+)\]$", said, re.MULTILINE) == [(str(line), "arg-type")], (
        said
    )


def test_mypy_checks_every_package_of_the_repository():
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["files"]
    packages = [path.parent for path in ROOT.glob("*/*/dreamclean_*/__init__.py")]
    assert len(packages) >= 7
    for package in packages:
        assert str(package.relative_to(ROOT)) in checked and (package / "py.typed").exists(), package


def test_package_exports_every_public_name():
    errors = {"ComponentError", "DreamCleanError", "DreamCleanWarning", "InvalidSetting"}
    assert set(dreamclean.__all__) == {*errors, "__version__", "hookimpl", *dreamclean._MODULES}
    assert all(hasattr(dreamclean, name) for name in dreamclean.__all__)
