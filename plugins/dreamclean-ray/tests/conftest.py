"""What the tests share: small pictures, a prior of a few milliseconds, and the command."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def picture(seed: int) -> Image.Image:
    """A smooth picture, 16 x 16."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((16, 16), Image.Resampling.BICUBIC)


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options for a run of a few milliseconds."""
    folder = tmp_path_factory.mktemp("mixture")
    for seed in range(4):
        picture(seed).save(folder / f"{seed}.png")
    prior = ["--prior", f"mixture:path={folder},std=0.1"]
    return [*prior, "--strength", "100", "--steps", "2", "--device", "cpu", "--dtype", "float32"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten pictures in folders, with awkward names, one of them damaged, and things that are not pictures."""
    names = ["a.png", "one/b.png", "one/b.jpg", "one/two/c#%20 ?.png", "one/two/d.jpg", ".hidden/e.png", "x.txt"]
    names += [f"many/{n}.png" for n in range(4)]
    for seed, name in enumerate(names):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("none")
        else:
            picture(seed).save(path)
    (tmp_path / "photos/broken.png").write_bytes(b"no picture")
    (tmp_path / "photos/one/again").symlink_to(tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def expected() -> list[str]:
    """The results of ``photos``."""
    results = ["a.png", "many/0.png", "many/1.png", "many/2.png", "many/3.png"]
    return [*results, "one/b.jpg.png", "one/b.png.png", "one/two/c#%20 ?.png", "one/two/d.png"]


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Sixty pictures in a folder."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(60):
        picture(n).save(folder / f"{n}.png")
    return folder


@pytest.fixture
def command(tmp_path: Path) -> Run:
    """Runs ``dreamclean`` in a process of its own."""

    def run(*arguments: object, plugins: Path | None = None) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-m", "dreamclean", *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"} | ({"PYTHONPATH": str(plugins)} if plugins else {})
        return subprocess.run(
            line, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=240
        )

    return run
