"""What the app's tests share: a server of its own, a browser, pictures."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"dreamclean_app_tests_{name}", HERE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


small_plugin: Any = _module("small_plugin")


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tests' plugin, which Python imports from."""
    folder: Path = tmp_path_factory.mktemp("plugins")
    small_plugin.install(folder, "dreamclean-apptest", "dreamclean_apptest", small_plugin.CODE)
    return folder


@pytest.fixture
def later(plugins: Path) -> str:
    """The name of a corrector whose package is installed now."""
    if not (plugins / "dreamclean_later.py").exists():
        small_plugin.install(plugins, "dreamclean-later", "dreamclean_later", small_plugin.LATER)
    return "later"


@pytest.fixture(scope="session")
def surroundings(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a server: the tests' plugins alone, one thread, a temporary folder that can be looked at."""
    return {
        **os.environ,
        "PYTHONPATH": str(plugins),
        "DREAMCLEAN_PLUGINS": "dreamclean-app,dreamclean-apptest,dreamclean-later",
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(tmp_path_factory.mktemp("temporary")),
    }


class Server(NamedTuple):
    """A server that runs."""

    url: str
    process: subprocess.Popen[str]
    temporary: Path
    said: list[str]


def serving(surroundings: dict[str, str], *options: str) -> Iterator[Server]:
    """``dreamclean app`` on a free port until the test is over."""
    command = [sys.executable, "-m", "dreamclean", "app", "--port", "0", "--device", "cpu", *options]
    process = subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout
    said: list[str] = []
    ready = threading.Event()

    def read() -> None:
        for line in process.stdout or ():
            said.append(line)
            if "http://" in line:
                ready.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        assert ready.wait(60), "".join(said)
        url = next(word for line in said for word in line.split() if word.startswith("http://"))
        yield Server(url, process, Path(surroundings["TMPDIR"]), said)
    finally:
        process.terminate()
        process.wait(20)
    assert list(Path(surroundings["TMPDIR"]).glob("dreamclean-app-*")) == [], "no temporary file is left"
    assert not re.search(r"dreamclean_app/(page|work)/", "".join(said)), "".join(said)  # in a traceback


@pytest.fixture(scope="session")
def server(surroundings: dict[str, str]) -> Iterator[Server]:
    pytest.importorskip("gradio", reason="gradio is not installed: make test-app runs these tests")
    yield from serving(
        surroundings, "--max-megapixels", "4", "--max-megabytes", "2", "--max-pictures", "6", "--max-waiting", "30"
    )


class Browser(NamedTuple):
    """A browser, and every address that its pages asked for."""

    browser: Any
    asked: list[str]
    errors: list[str]

    def page(self, url: str) -> Any:
        """A page of a user of its own."""
        page = self.browser.new_context(viewport={"width": 1360, "height": 950}, accept_downloads=True).new_page()
        page.set_default_timeout(30_000)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.goto(url)
        page.wait_for_selector("#dc-go")
        return page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. Names of hosts lead nowhere, so that a page that needs another host would fail."""
    driver = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: make test-app runs these tests"
    )
    if CHROMIUM is None:
        pytest.skip("no Chromium here; install Debian's package chromium, or say where it is with CHROMIUM=...")
    with driver.sync_playwright() as play:
        started = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        )
        yield Browser(started, [], [])
        started.close()


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small noisy picture, 96 x 64."""
    y, x = np.mgrid[0:64, 0:96]
    clean = np.stack([x * 2, y * 3, 200 - x - y], -1)
    noisy = clean + np.random.default_rng(0).normal(0, 20, clean.shape)
    path: Path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path)
    return path
