"""What the bench's tests share: small pictures, and a host with methods that misbehave."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dreamclean_bench import runner
from dreamclean_bench.method import Method, Problem
from PIL import Image
from torch import Tensor

from dreamclean import Mixture, hookimpl
from dreamclean.host import host as plugins
from dreamclean.host.discovery import Plugin, discover


class Raises(Method):
    """Always fails."""

    name = "raises"

    def restore(self, problem: Problem) -> Tensor:
        raise RuntimeError("no such luck\nat all")


class NotFinite(Method):
    """Returns nothing that is a number."""

    name = "not-finite"

    def restore(self, problem: Problem) -> Tensor:
        return problem.shown * torch.nan


class Once(Method):
    """Keeps count of its runs; evaluates the prior twice; its result is random."""

    name = "once"

    def restore(self, problem: Problem) -> Tensor:
        CALLS.append(problem.y)
        level = problem.model.schedule.at(100)
        for _ in range(2):
            problem.estimate.prior(problem.model.codec.encode(problem.shown), level)
        return problem.shown + 0.01 * problem.noise(problem.shown)


CALLS: list[Tensor] = []


class Plugged:
    """A plugin with these methods."""

    @staticmethod
    @hookimpl
    def register_methods(register: Any) -> None:
        for cls in (Raises, NotFinite, Once):
            register(cls)


@pytest.fixture
def calls() -> list[Tensor]:
    """The measurements that ``once`` was given."""
    return CALLS


@pytest.fixture
def bench_host(monkeypatch: pytest.MonkeyPatch) -> plugins.Host:
    """The installed plugins and ``Plugged``, in the bench and in the kernel."""
    CALLS.clear()
    host = plugins.Host([*discover(), Plugin("test-methods", "1", "plugged", lambda: Plugged)])
    assert host.failures == {}
    monkeypatch.setattr(plugins, "host", lambda: host)
    monkeypatch.setattr(runner, "host", lambda: host)
    runner._prior.cache_clear()
    return host


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three small pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    y, x = np.mgrid[0:48, 0:64]
    for number in range(3):
        pixels = np.stack([x * 3 + number * 20, y * 4, 200 - x - y * 2], axis=-1).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def mixture(photos: Path) -> str:
    """A prior that costs nothing: a mixture around the pictures' centre crops of 32 pixels."""
    folder = photos.parent / "crops"
    folder.mkdir()
    for path in sorted(photos.iterdir()):
        Image.open(path).crop((16, 8, 48, 40)).save(folder / path.name)
    assert Mixture(path=str(folder)).means.shape == (3, 3, 32, 32)
    return f"mixture:path={folder},std=0.1"
