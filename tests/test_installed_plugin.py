"""Outside plugins, installed from built wheels into a fresh virtual environment, are found and usable by name.

The fresh environment holds the wheels of dreamclean, of the plugin ``contrib/dreamclean-vignette`` and of
one plugin of every kind that ``contrib/plugin-template`` makes. Torch and the other dependencies are lent by a ``.pth`` file that appends this environment's
site-packages to the path: the wheels stand before them, and ``.pth`` files in there, by which a development
install of dreamclean would come in, are not read. ``test_wheel_is_what_runs`` makes sure.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, template_plugins: list[Path]) -> Path:
    """A folder with the virtual environment ``venv`` and a picture."""
    home = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", home / "wheels"]
    subprocess.run([*build, ROOT, ROOT / "contrib/dreamclean-vignette", *template_plugins], check=True)

    venv.create(home / "venv", symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(home / "venv")}))
    install = [*pip, "--python", home / "venv/bin/python", "install", "--no-deps", "--no-index"]
    subprocess.run([*install, *(home / "wheels").glob("*.whl")], check=True)
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))

    y, x = np.mgrid[0:24, 0:32]
    (home / "photos").mkdir()
    photo = np.stack([x * 6 + 40, y * 7 + 60, 220 - x * 3 - y * 2], axis=-1).astype(np.uint8)
    Image.fromarray(photo).save(home / "photos/photo.png")
    return home


@pytest.fixture(scope="module")
def run(home: Path) -> Run:
    """``run(*arguments)``: Python in the fresh environment, away from the checkout."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "DREAMCLEAN_PLUGINS")
    clean = {key: value for key, value in os.environ.items() if key not in hidden}

    def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        command = [str(home / "venv/bin/python"), *arguments]
        return subprocess.run(command, env=clean | extra, cwd=home, check=False, capture_output=True, text=True)

    return run


def dreamclean(run: Run, *arguments: str, **extra: str) -> str:
    """What the installed command prints; it must succeed."""
    result = run("venv/bin/dreamclean", *arguments, **extra)
    assert result.returncode == 0, result.stderr
    return result.stdout


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(float)


def test_wheel_is_what_runs(run: Run, home: Path) -> None:
    result = run("-c", "import dreamclean, torch; print(dreamclean.__file__, torch.__file__, sep='\\n')")
    kernel, torch = result.stdout.splitlines()
    assert Path(kernel).is_relative_to(home / "venv")
    assert not Path(torch).is_relative_to(home / "venv")


def test_plugins_lists_the_installed_plugin(run: Run) -> None:
    listed = json.loads(dreamclean(run, "plugins", "--json"))
    found = {(c["kind"], c["name"], c["package"], c["version"]) for c in listed["components"]}
    assert ("operator", "vignette", "dreamclean-vignette", "0.1.0") in found
    assert not [f for f in listed["failures"] if f["plugin"].startswith("dreamclean-vignette")]


def test_installed_plugin_is_used_by_name_on_the_command_line_and_in_a_recipe(run: Run, home: Path) -> None:
    """Degraded by the plugin's operator and restored by a recipe file that names it; the prior is the photo itself."""
    photo = pixels(home / "photos/photo.png")
    dreamclean(run, "degrade", "photos/photo.png", "-o", "dark.png", "--operator", "vignette:stops=3")
    dark = pixels(home / "dark.png")
    assert np.abs(dark[0, 0] - photo[0, 0] / 8).max() <= 1

    recipe = 'prior = "mixture:path=photos"\nsteps = 4\noperator = { name = "vignette", stops = 3 }\n'
    (home / "recipe.toml").write_text(recipe)
    dreamclean(run, "restore", "dark.png", "-o", "restored.png", "--recipe", "recipe.toml")
    assert np.abs(pixels(home / "restored.png") - photo).max() <= 5  # 8-bit rounding, times 8 in the corners

    carried = json.loads(Image.open(home / "restored.png").text["dreamclean"])
    assert carried["operator"]["name"] == "vignette"
    assert carried["versions"]["dreamclean-vignette"] == "0.1.0"
    dreamclean(run, "restore", "dark.png", "-o", "again.png", "--recipe", "restored.png")
    assert (home / "again.png").read_bytes() == (home / "restored.png").read_bytes()


def test_installed_plugin_is_used_by_name_from_python(run: Run) -> None:
    code = (
        "from dreamclean import Restorer\n"
        "restorer = Restorer('mixture:path=photos', operator='vignette:stops=5', noise=0.1)\n"
        "print(restorer.operator.stops, restorer.operator.noise, restorer.operator.__module__)"
    )
    assert run("-c", code).stdout.split() == ["5.0", "0.1", "dreamclean_vignette.vignette"]


def test_installed_plugin_is_unknown_without_plugins(run: Run) -> None:
    command = "venv/bin/dreamclean degrade photos/photo.png -o no.png --operator vignette"
    result = run(*command.split(), DREAMCLEAN_PLUGINS="")
    assert result.returncode == 2
    assert result.stderr.startswith("error: there is no operator 'vignette'")


def test_help_imports_no_torch(run: Run) -> None:
    code = "import sys; sys.argv[1:] = ['--help']\nfrom dreamclean.cli.main import main\ntry: main()\nfinally: print(sorted(sys.modules))"
    output = run("-c", code).stdout
    assert "restore" in output
    assert "'dreamclean_vignette'" in output
    assert "'torch'" not in output


def own_tests(run: Run, *folders: Path) -> str:
    """What pytest says of plugins' tests, run against the installed packages; none may fail."""
    config = ROOT / "contrib/dreamclean-vignette/pyproject.toml"
    options = ["-q", "--import-mode=importlib", "-p", "no:cacheprovider", "-c", str(config)]
    result = run("-m", "pytest", *options, *(str(folder / "tests") for folder in folders))
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_installed_plugin_passes_its_own_tests(run: Run) -> None:
    assert "failed" not in own_tests(run, ROOT / "contrib/dreamclean-vignette")


def test_template_makes_a_plugin_of_every_kind(run: Run, template_plugins: list[Path]) -> None:
    if not template_plugins:
        pytest.skip("cookiecutter is not installed")
    listed = json.loads(dreamclean(run, "plugins", "--json"))
    assert not [f for f in listed["failures"] if f["plugin"].startswith("dreamclean-my-")]
    found = {(c["kind"], c["name"], c["package"]) for c in listed["components"]}
    assert {("operator", "my-operator", "dreamclean-my-operator"), ("path", "my-path", "dreamclean-my-path")} <= found
    made = {kind for kind, name, _ in found if name == f"my-{kind}"}
    assert made == {c["kind"] for c in listed["components"] if c["package"] == "dreamclean"}


def test_template_makes_plugins_that_pass_their_tests(run: Run, template_plugins: list[Path]) -> None:
    if not template_plugins:
        pytest.skip("cookiecutter is not installed")
    own_tests(run, *template_plugins)
