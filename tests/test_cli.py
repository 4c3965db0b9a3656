"""The command line: what it prints, what it writes, and how it says no."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dreamclean import Picture, __version__
from dreamclean.cli.main import main
from dreamclean.host import host as plugins
from dreamclean.host.host import Host, Plugin, host

Outcome = Any
"""What a command left behind: ``status``, ``out`` and ``err`` (conftest)."""
Cli = Callable[..., Outcome]


def picture(seed: int, side: int = 16) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A prior of four pictures, 16 x 16, that is quick to load."""
    folder = tmp_path_factory.mktemp("mixture")
    for seed in range(4):
        picture(seed).save(folder / f"{seed}.png")
    return f"mixture:path={folder},std=0.1"


@pytest.fixture
def quick(mixture: str) -> list[str]:
    """Options for a run of a few milliseconds."""
    return ["--prior", mixture, "--strength", "100", "--steps", "2", "--device", "cpu", "--dtype", "float32"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder but for ``in.png``."""
    monkeypatch.chdir(tmp_path)
    picture(7).save("in.png")
    return tmp_path


def listing(folder: Path | str = ".") -> list[str]:
    return sorted(os.listdir(folder))


def pixels(path: Path | str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


# Help


@pytest.mark.parametrize("arguments", [["--help"], ["restore", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom dreamclean.cli.main import main\ntry: main()\nexcept SystemExit as stop: assert not stop.code\n"
        "print([m for m in ('torch', 'numpy', 'diffusers', 'PIL') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n" and done.stdout


def test_help_is_shown_without_arguments(cli: Cli) -> None:
    assert cli() == cli("--help")
    assert cli().status == 0
    assert all(command in cli().out for command in ("restore", "degrade", "plugins", "describe"))


def test_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"dreamclean {__version__}\n", "")


# Bad input


def says_no(outcome: Outcome, message: str) -> None:
    """One line on standard error, which says ``message``; nothing on standard output; status 2."""
    assert message in outcome.err
    assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1 and outcome.err.endswith("\n")
    assert (outcome.status, outcome.out) == (2, "")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("frobnicate", "No such command 'frobnicate'"),
        ("restore", "Missing argument 'IN'"),
        ("restore in.png more.png", "there is no file more.png"),
        ("restore in.png --frobnicate", "No such option: --frobnicate"),
        ("restore in.png --steps 0", "greater than or equal to 1"),
        ("restore in.png --steps many", "valid integer"),
        ("restore in.png --seed -1", "greater than or equal to 0"),
        ("restore in.png --strength 5000", "strength 5000 is outside what the prior knows; choose more than 0"),
        ("restore in.png --strength 0", "strength 0 is outside what the prior knows"),
        ("restore in.png --strength nan", "outside what the prior knows"),
        ("restore in.png --strength nsr:1e9", "choose nsr up to"),
        (
            "restore in.png --strength much",
            "a strength is a timestep such as 300, or nsr:R with the noise-to-signal ratio R",
        ),
        ("restore in.png --strength 3 --steps 10", "ask for fewer steps or a greater strength"),
        ("restore in.png --prior mixtur", "there is no prior 'mixtur'; did you mean 'mixture'?"),
        ("restore in.png --corrector vsp", "there is no corrector 'vsp'; did you mean 'vps'?"),
        ("restore in.png --sampler dimm", "there is no sampler 'dimm'; did you mean 'ddim'?"),
        ("restore in.png --operator downsampel", "there is no operator 'downsampel'; did you mean 'downsample'?"),
        ("restore in.png --initializer forward", "there is no initializer 'forward'; did you mean 'forward-noising'?"),
        ("restore in.png --operator elsewhere/blur", "there is no operator 'elsewhere/blur'"),
        ("restore in.png --corrector vps:gama=0.1", "corrector vps: there is no setting 'gama'"),
        ("restore in.png --corrector vps:gamma", "'gamma' in 'vps:gamma' is not a setting; write vps:key=value"),
        ("restore in.png --corrector vps:gamma=2", "gamma: Input should be less than or equal to 1 (got '2')"),
        ("restore in.png --corrector vps:gamma=x", "valid number"),
        ("restore in.png --prior diffusers", "setting 'path' is needed"),
        ("restore in.png --strength 100 --prior mixture:path=nowhere", "no images in 'nowhere'"),
        ("restore in.png --noise 0.1", "noise belongs to a known operator"),
        ("restore in.png --operator identity --noise loud", "'loud' is not a noise level; write a standard deviation"),
        ("restore in.png --operator identity --noise -1", "'-1' is not a noise"),
        ("restore in.png --operator inpaint:mask=nothing.png", "there is no file nothing.png"),
        ("restore in.png --operator fourier-magnitude", "is not a picture; give it from Python as a tensor"),
        ("restore nothing.png", "there is no file nothing.png"),
        ("restore nothing -o out", "there is no file nothing"),
        ("restore in.png --recipe nothing.toml", "no recipe could be read from nothing.toml"),
        ("restore in.png --recipe in.png", "no recipe could be read from in.png: it carries none"),
        ("restore in.png --preset papre", "there is no preset 'papre'; there is paper"),
        ("restore in.png --device abacus", "device 'abacus' cannot be used"),
        ("restore in.png --dtype float3", "there is no precision 'float3'; there are auto, float32"),
        ("restore in.png --dtype int32", "there is no precision 'int32'"),
        ("restore in.png -o there.png", "there.png is there already; choose another name or say --overwrite"),
        ("restore in.png -o nowhere/out.png", "there is no folder nowhere; make it first"),
        ("restore in.png -o out.xyz", "cannot write a picture called out.xyz; give it an ending such as .png"),
        (f"restore in.png -o {'x' * 300}.png", "File name too long"),
        ("restore folder -o there.png", "cannot take a folder's results; give -o another folder"),
        ("restore folder -o folder", "cannot take a folder's results; give -o another folder"),
        ("restore folder -o in.png/out", "Not a directory"),
        ("restore empty", "there is no picture in empty"),
        ("degrade nothing.png", "there is no file nothing.png"),
        ("degrade in.png --operator fourier-magnitude", "a measurement of fourier-magnitude is not a picture"),
        ("degrade in.png --operator blur:size=4", "size must be odd"),
        ("degrade in.png --operator blr|jpeg", "there is no operator 'blr'; did you mean 'blur'?"),
        ("degrade in.png --operator blur|", "a link is missing in 'blur|'; write first | second"),
        (
            "degrade in.png --operator colorize|jpeg",
            "jpeg cannot take what colorize makes of this picture, (1, 16, 16)",
        ),
        (
            "degrade in.png --operator fourier-magnitude|blur",
            "fourier-magnitude makes no picture, so blur cannot follow",
        ),
        ("restore in.png --operator colorize|jpeg", "jpeg cannot take what colorize makes"),
        ("restore in.png --corrector vps|langevin", "there is no corrector 'chain'"),
        ("degrade in.png --operator jpeg:quality=0", "a quality lies between 1 and 100"),
        ("degrade in.png --operator downsample:factor=40", "could not be written"),
        ("degrade in.png --noise loud", "'loud' is not a noise"),
        (f"degrade in.png --noise 0.1 --seed {2**63}", f"less than or equal to {2**63 - 1}"),
        ("describe vsp", "there is no component 'vsp'; did you mean 'vps'?"),
        ("describe zzzz", "there is no component 'zzzz'; 'dreamclean plugins' lists them"),
        ("describe corrector/vsp", "did you mean 'vps'?"),
        ("describe sampling/ddim", "there is no kind 'sampling'; there are prior, initializer, corrector"),
    ],
)
def test_main_gives_bad_input_one_line_and_status_2(
    command: str, message: str, here: Path, cli: Cli, mixture: str
) -> None:
    (here / "there.png").write_bytes(b"old")
    for folder in ("folder", "empty"):
        (here / folder).mkdir()
    shutil.copy("in.png", "folder")
    before = listing()
    prior = ["--prior", mixture] if command.startswith("restore") and "--prior" not in command else []
    says_no(cli(*command.split(), *prior), message)
    assert listing() == before and (here / "there.png").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bad.toml", b"steps = = 3", "no recipe could be read from bad.toml: Invalid value"),
        ("bad.toml", b"\xff\xfe", "no recipe could be read from bad.toml"),
        ("bad.toml", b"stpes = 3", "recipe bad.toml: there is no setting 'stpes'"),
        ("bad.toml", b"steps = 0\nseed = -1", "greater than or equal to 1 (got 0); seed:"),
        ("bad.toml", b"corrector = { gamma = 0.1 }", "names no component; write {name = ..., ...}"),
        ("bad.toml", b"corrector = 5", "a component is a string, a table with a name"),
        ("bad.toml", b"corrector = { name = 'vps', gamma = 3 }", "gamma: Input should be less than or equal to 1"),
        ("bad.json", b"{", "no recipe could be read from bad.json"),
        ("bad.json", b"[1]", "it holds no table of settings"),
        ("bad.json", b"[" * 100_000, "no recipe could be read from bad.json"),
        ("bad.png", b"no picture", "bad.png cannot be read as a picture"),
    ],
)
def test_restore_refuses_a_bad_recipe(
    name: str, content: bytes, message: str, here: Path, cli: Cli, mixture: str
) -> None:
    (here / name).write_bytes(content)
    says_no(cli("restore", "in.png", "--prior", mixture, "--recipe", name), message)
    assert listing() == sorted([name, "in.png"])


def test_restore_refuses_a_folder_that_cannot_be_written(
    here: Path, cli: Cli, quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (here / "folder").mkdir()
    shutil.copy("in.png", "folder")
    monkeypatch.setattr(tempfile, "mkstemp", denied)
    says_no(cli("restore", "in.png", "-o", "out.png", *quick), "out.png could not be written (Permission denied)")
    monkeypatch.setattr(Path, "mkdir", denied)
    says_no(cli("restore", "folder", "-o", "out", *quick), "Permission denied")
    assert listing() == ["folder", "in.png"]


def test_restore_puts_a_transparent_picture_on_white_in_a_jpeg(
    here: Path, cli: Cli, quick: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    clear = picture(1).convert("RGBA")
    clear.putalpha(0)
    clear.save("alpha.png")
    assert cli("restore", "alpha.png", "-o", "out.jpg", *quick).status == 0
    assert "out.jpg holds no transparency, so the picture is on white; a PNG keeps it" in caplog.text
    with Image.open("out.jpg") as out:
        assert (out.mode, out.getextrema()) == ("RGB", ((255, 255),) * 3)


@pytest.mark.parametrize("name", ["out.pdf", "out.mpo", "out.ico", "out.icns", "out.eps", "out.xbm"])
def test_restore_refuses_a_file_that_holds_no_photograph(name: str, here: Path, cli: Cli, quick: list[str]) -> None:
    says_no(cli("restore", "in.png", "-o", name, *quick), f"cannot write a picture called {name}; give it an ending")
    assert listing() == ["in.png"]


# Single pictures


def test_restore_writes_beside_the_input_and_says_so(here: Path, cli: Cli, quick: list[str]) -> None:
    status, out, err = cli("restore", "in.png", *quick)
    assert (status, err) == (0, "")
    assert out.startswith("in.png -> in-restored.png (6 evaluations, ")
    assert listing() == ["in-restored.png", "in.png"]
    assert pixels("in-restored.png").shape == (16, 16, 3)


def test_restore_overwrites_a_result_only_when_asked(here: Path, cli: Cli, quick: list[str]) -> None:
    (here / "out.png").write_bytes(b"old")
    says_no(cli("restore", "in.png", "-o", "out.png", *quick), "is there already")
    assert cli("restore", "in.png", "-o", "out.png", "--overwrite", *quick).status == 0
    assert pixels("out.png").shape == (16, 16, 3)


def test_restore_into_an_existing_folder_keeps_the_name(here: Path, cli: Cli, quick: list[str]) -> None:
    (here / "out").mkdir()
    assert cli("restore", "in.png", "-o", "out", *quick).status == 0
    assert listing("out") == ["in.png"]


def test_restore_takes_a_file_of_any_name(here: Path, cli: Cli, quick: list[str]) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    try:
        shutil.copy("in.png", name)
    except OSError:
        pytest.skip("this file system has names in Unicode only")
    assert cli("restore", name, *quick).status == 0
    assert os.fsdecode(b"caf\xe9-restored.png") in listing()
    assert cli("restore", name, "--json", "--overwrite", *quick).status == 0


@pytest.mark.parametrize(("operator", "nfe"), [(None, 6), ("identity", 4)])
def test_restore_json_is_one_object_for_each_picture(
    operator: str | None, nfe: int, here: Path, cli: Cli, quick: list[str]
) -> None:
    (here / "folder").mkdir()
    for seed in (1, 2):
        picture(seed).save(f"folder/{seed}.png")
    extra = ["--operator", operator] if operator else []
    status, out, err = cli("restore", "folder", "-o", "out", "--json", "--seed", "5", *quick, *extra)
    assert (status, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["input"] for line in lines] == [str(Path("folder", f"{seed}.png")) for seed in (1, 2)]
    assert [line["output"] for line in lines] == [str(Path("out", f"{seed}.png")) for seed in (1, 2)]
    for line in lines:
        assert set(line) == {
            *("input", "output", "status", "nfe", "seconds", "prior_seconds", "seed", "summary", "report", "recipe")
        }
        assert line["status"] == "done"
        assert line["summary"] is line["report"] is None  # the strength was given
        assert (line["nfe"], line["seed"], line["recipe"]["seed"]) == (nfe, 5, 5)
        assert 0 < line["prior_seconds"] <= line["seconds"]
        assert line["recipe"]["corrector"]["name"] == "vps" and line["recipe"]["versions"]["dreamclean"] == __version__
        assert line["recipe"].get("operator", {}).get("name") == operator


# Recipes


def recipe_of(path: str) -> dict[str, Any]:
    with Image.open(path) as image:
        image.load()
        return dict(json.loads(image.text["dreamclean"]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("extra", [[], ["--operator", "downsample:factor=1", "--noise", "0.1"]])
def test_restore_writes_the_recipe_that_makes_the_picture_again(
    extra: list[str], here: Path, cli: Cli, quick: list[str]
) -> None:
    options = [
        *quick,
        *extra,
        "--seed",
        "3",
        "--corrector",
        "langevin:gamma=0.1,repeats=2",
        "--sampler",
        "ddim:eta=0.5",
    ]
    assert cli("restore", "in.png", "-o", "first.png", *options).status == 0
    assert cli("restore", "--recipe", "first.png", "in.png", "-o", "again.png", "--device", "cpu").status == 0
    assert (here / "first.png").read_bytes() == (here / "again.png").read_bytes()
    recipe = recipe_of("first.png")
    assert recipe["seed"] == 3 and recipe["strength"] == 100 and recipe["steps"] == 2
    assert recipe["corrector"] == {"name": "langevin", "gamma": 0.1, "repeats": 2, "projected": True}
    picture(8).save("new.png")
    assert cli("restore", "--recipe", "first.png", "new.png", "-o", "new-out.png").status == 0
    assert recipe_of("new-out.png") == recipe


def test_restore_lays_flags_over_a_recipe_file(here: Path, cli: Cli, quick: list[str], mixture: str) -> None:
    settings = f'prior = "{mixture}"\ncorrector = {{ name = "vps", gamma = 0.05 }}\nstrength = 100\nsteps = 2\nseed = 4'
    (here / "recipe.toml").write_text(settings + '\ndtype = "float32"')
    assert cli("restore", "in.png", "-o", "a.png", "--recipe", "recipe.toml").status == 0
    assert cli("restore", "in.png", "-o", "b.png", *quick, "--corrector", "vps:gamma=0.05", "--seed", "4").status == 0
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()
    flags = ["--corrector", "none", "--seed", "0", "--steps", "4", "--strength", "nsr:0.2"]
    assert cli("restore", "in.png", "-o", "c.png", "--recipe", "recipe.toml", *flags).status == 0
    recipe = recipe_of("c.png")
    assert (recipe["corrector"], recipe["seed"], recipe["steps"]) == ({"name": "none"}, 0, 4)
    assert recipe["strength"] == "nsr:0.2"
    (here / "recipe.json").write_text(json.dumps(recipe))
    assert cli("restore", "in.png", "-o", "d.png", "--recipe", "recipe.json").status == 0
    assert (here / "c.png").read_bytes() == (here / "d.png").read_bytes()


def test_restore_with_the_paper_preset(here: Path, cli: Cli, mixture: str) -> None:
    for extra, nfe in (([], 90), (["--operator", "identity"], 60)):
        out = cli("restore", "in.png", "--prior", mixture, "--preset", "paper", "--json", "--overwrite", *extra).out
        assert json.loads(out)["nfe"] == nfe


# Folders


def damaged_folder(folder: Path) -> None:
    """One good picture, one cut off, a text, and a bomb."""
    folder.mkdir()
    picture(1).save(folder / "good.png")
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:-50])
    (folder / "text.png").write_text("Dear diary,\n")
    header = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    (folder / "bomb.png").write_bytes(bomb + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    (folder / "notes.txt").write_text("no picture, and not said to be one")


@pytest.mark.parametrize("command", ["restore", "degrade"])
def test_restore_does_the_others_beside_one_bad_file(command: str, here: Path, cli: Cli, quick: list[str]) -> None:
    damaged_folder(here / "folder")
    quick = [*quick, "--max-megapixels", "50"] if command == "restore" else ["--max-megapixels", "50"]
    status, out, err = cli(command, "folder", "-o", "out", *quick)
    assert status == 2
    assert out.startswith("folder/good.png -> out/good.png") and out.count("\n") == 1
    assert listing("out") == ["good.png"]
    lines = err.splitlines()
    assert len(lines) == 3 and all(line.startswith("error: folder/") for line in lines)
    assert "bomb.png unpacks to 400 megapixels, more than the 50" in lines[0]
    assert "cut.png cannot be read as a picture" in lines[1]
    assert "text.png cannot be read as a picture" in lines[2]


def test_restore_does_what_is_missing_in_a_second_run(here: Path, cli: Cli, quick: list[str]) -> None:
    (here / "folder").mkdir()
    for name in "abc":
        picture(1).save(f"folder/{name}.png")
    assert cli("restore", "folder", *quick).status == 0
    assert listing("folder-restored") == ["a.png", "b.png", "c.png"]
    wanted = Path("folder-restored/b.png").read_bytes()
    Path("folder-restored/b.png").unlink()
    Path("folder-restored/a.png").write_bytes(b"kept")
    status, out, err = cli("restore", "folder", *quick)
    assert (status, err) == (0, "already done: 2 (--overwrite does them again)\n")
    assert out.startswith("folder/b.png -> folder-restored/b.png")
    assert Path("folder-restored/b.png").read_bytes() == wanted
    assert Path("folder-restored/a.png").read_bytes() == b"kept"
    assert cli("restore", "folder", "--overwrite", *quick).status == 0
    assert Path("folder-restored/a.png").read_bytes() == wanted


@pytest.mark.parametrize("names", [["x.png", "x.jpg"], ["x.png", "X.bmp"], ["x.png", "x.bmp", "x.png.tif", "y.png"]])
def test_restore_does_not_overwrite_where_one_stem_is_there_twice(names: list[str], here: Path, cli: Cli) -> None:
    (here / "folder").mkdir()
    for value, name in enumerate(names):
        Image.new("RGB", (16, 16), (50 * value, 0, 0)).save(Path("folder", name))
    status, out, _ = cli("degrade", "folder", "-o", "out", "--json")
    outputs = {line["input"]: line["output"] for line in map(json.loads, out.splitlines())}
    assert status == 0 and len({path.lower() for path in outputs.values()}) == len(names) == len(listing("out"))
    for value, name in enumerate(names):
        assert abs(int(pixels(outputs[str(Path("folder", name))])[0, 0, 0]) - 50 * value) <= 2


def complete(folder: Path) -> list[str]:
    """The pictures that can be seen in ``folder``, all of which must be whole."""
    seen = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.exists() else []
    for path in seen:
        assert path.suffix == ".png"
        pixels(path)
    return sorted(path.name for path in seen)


def test_restore_that_was_terminated_goes_on(here: Path, mixture: str) -> None:
    pictures, stopped, whole = 60, here / "stopped", here / "whole"
    (here / "folder").mkdir()
    for seed in range(pictures):
        picture(seed).save(f"folder/{seed:02}.png")
    options = ["--prior", mixture, "--strength", "300", "--steps", "30", "--device", "cpu", "--dtype", "float32"]
    command = [sys.executable, "-m", "dreamclean", "restore", "folder", *options, "-o"]
    environment = {**os.environ, "DREAMCLEAN_PLUGINS": "", "OMP_NUM_THREADS": "1"}

    run = subprocess.Popen([*command, "stopped"], env=environment, stderr=subprocess.PIPE, text=True)
    while len(complete(stopped)) < 2 and run.poll() is None:
        time.sleep(0.02)
    run.send_signal(signal.SIGTERM)
    assert "stopped; run the same command again to continue" in run.communicate(timeout=30)[1]
    assert run.returncode == 143
    done = complete(stopped)
    assert 2 <= len(done) < pictures and listing(stopped) == done  # no temporary file, hidden or not

    kept = {name: (stopped / name).stat().st_mtime_ns for name in done}
    run = subprocess.Popen([*command, "stopped"], env=environment, stderr=subprocess.PIPE, text=True)
    while run.poll() is None:
        complete(stopped)
        time.sleep(0.02)
    assert (run.returncode, run.communicate()[1].split(" (")[0]) == (0, f"already done: {len(done)}")
    assert {name: (stopped / name).stat().st_mtime_ns for name in done} == kept

    subprocess.run([*command, "whole"], env=environment, check=True, stdout=subprocess.DEVNULL)
    assert listing(stopped) == listing(whole) == [f"{seed:02}.png" for seed in range(pictures)]
    assert all((stopped / name).read_bytes() == (whole / name).read_bytes() for name in listing(whole))


def test_main_does_not_take_termination_for_a_failed_plugin(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Plugin("slow", "1", "slow", lambda: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr(plugins, "host", lambda: Host([slow]))
    assert cli("plugins").status == 143


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_restore_is_stopped_by_a_signal_while_it_writes(
    number: int, status: int, here: Path, cli: Cli, quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        assert len(listing()) == 2  # the picture and the hidden file
        os.kill(os.getpid(), number)
        time.sleep(5)

    monkeypatch.setattr(os, "replace", stopped)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        assert cli("restore", "in.png", *quick) == (status, "", "stopped; run the same command again to continue\n")
    finally:
        signal.signal(signal.SIGINT, before)
    assert listing() == ["in.png"]


# Degrade


OPERATORS = {
    "identity": (16, 16, 3),
    "downsample:factor=4": (4, 4, 3),
    "downsample:factor=2,method=bicubic": (8, 8, 3),
    "blur:size=5": (16, 16, 3),
    "blur:shape=gaussian,std=1/2,size=5": (16, 16, 3),
    "blur:shape=motion,length=3,angle=30": (16, 16, 3),
    "blur:shape=file,file=kernel.png": (16, 16, 3),
    "inpaint:share=0.3,seed=1": (16, 16, 3),
    "inpaint:mask=mask.png": (16, 16, 3),
    "colorize": (16, 16),
    "jpeg:quality=10/20/40,shift=0/3/6": (16, 16, 3),
    "blur:size=3 | downsample:factor=2": (8, 8, 3),
    "inpaint:mask=mask.png | blur:std=0.8,size=3 | jpeg:quality=50": (16, 16, 3),
    "colorize | downsample:factor=2": (8, 8),
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_degrade_then_restore(operator: str, here: Path, cli: Cli, quick: list[str]) -> None:
    Image.fromarray(np.eye(3, dtype=np.uint8) * 255).save("kernel.png")
    Image.fromarray(np.eye(16, dtype=np.uint8) * 255).save("mask.png")
    status, out, err = cli("degrade", "in.png", "--operator", operator)
    assert (status, err) == (0, "")
    known_operator = host().make("operator", operator)
    assert out == f"in.png -> in-degraded.png ({known_operator})\n"
    expected = known_operator.degrade(Picture.open("in.png").pixels)[0].clamp(0, 1)
    values = torch.from_numpy(pixels("in-degraded.png").astype(np.float32) / 255)
    values = values[None] if values.ndim == 2 else values.permute(2, 0, 1)
    assert pixels("in-degraded.png").shape == OPERATORS[operator]
    assert (values - expected).abs().max() <= 0.5 / 255 + 1e-6
    known = ["--operator", operator, "--noise", "0.1"]
    assert cli("restore", "in-degraded.png", *known, "-o", "out.png", *quick).status == 0
    assert pixels("out.png").shape == (16, 16, 3)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_degrade_with_noise(mode: str, here: Path, cli: Cli) -> None:
    Image.new("RGB", (64, 64), (128, 128, 128)).convert(mode).save("flat.png")

    def noisy(*options: object) -> np.ndarray:
        assert cli("degrade", "flat.png", "-o", "out.png", "--overwrite", *options).status == 0
        return pixels("out.png") / 255

    assert noisy("--noise", "0.05").std() == pytest.approx(0.05, rel=0.05)
    assert noisy("--noise", "poisson:1").std() == pytest.approx((128 / 255 / 255) ** 0.5, rel=0.05)
    assert np.array_equal(noisy("--noise", "0.05"), noisy("--noise", "0.05", "--seed", 0))
    assert not np.array_equal(noisy("--noise", "0.05"), noisy("--noise", "0.05", "--seed", 1))
    assert np.array_equal(noisy(), np.full((64, 64, 3) if mode == "RGB" else (64, 64), 128 / 255))


# Plugins and components


BUILT_IN = [(entry.kind, entry.name) for entry in Host([]).collect()]


def test_plugins_lists_the_built_in_components(cli: Cli) -> None:
    status, out, err = cli("plugins", "--json")
    components = {(c["kind"], c["name"]): c for c in json.loads(out)["components"] if c["package"] == "dreamclean"}
    assert (status, err, sorted(components)) == (0, "", sorted(BUILT_IN))
    assert all(c["summary"] and c["version"] == __version__ for c in components.values())
    table = cli("plugins").out.splitlines()
    assert table[0].split() == ["KIND", "NAME", "PACKAGE", "SUMMARY"]
    assert any(line.split()[:4] == ["corrector", "vps", "dreamclean", __version__] for line in table)


def test_plugins_shows_what_failed_to_load(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> None:
        raise ImportError("no module\nnamed 'gone'")

    monkeypatch.setattr(plugins, "host", lambda: Host([Plugin("broken", "1", "main", load)]))
    failures = json.loads(cli("plugins", "--json").out)["failures"]
    assert failures == [{"plugin": "broken:main", "error": "ImportError: no module named 'gone'"}]
    assert "failed: broken:main: ImportError" in cli("plugins").out


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_describe_prints_a_component(kind: str, name: str, cli: Cli) -> None:
    component = host().find(kind, f"dreamclean/{name}").component
    status, out, err = cli("describe", f"{kind}/dreamclean/{name}")
    assert (status, err) == (0, "")
    assert out.startswith(f"{kind} {name} (dreamclean {__version__})\n\n{component.summary()}")
    for setting, field in component.model_fields.items():
        assert f"\n  {setting} = " in out and field.description in out
    schema = json.loads(cli("describe", f"{kind}/dreamclean/{name}", "--json").out)
    assert list(schema.get("properties", {})) == list(component.model_fields)


def test_describe_gives_bounds_types_and_defaults(cli: Cli) -> None:
    out = cli("describe", "corrector/vps").out
    assert "  gamma = 0.05  (number, > 0, <= 1)\n      Step size gamma\n" in out
    assert "  fused = false  (boolean)\n" in out
    out = cli("describe", "operator/blur").out
    assert "  shape = uniform  (uniform | gaussian | defocus | motion | file)\n" in out
    assert "  file = none  (path | none)\n" in out
    assert "  path = (needed)  (string)\n" in cli("describe", "prior/diffusers").out


def test_progress_bar_leaves_standard_output_alone(
    unet: str, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With standard error a terminal, what is piped from standard output is JSON and nothing else."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes standard error for a terminal
    photo.save(tmp_path / "[in].png")
    command = ["restore", str(tmp_path / "[in].png"), "--prior", unet, "--preset", "paper", "--json"]
    monkeypatch.setattr(sys, "argv", ["dreamclean", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert ended.value.code == 0
    assert json.loads(printed.out)["nfe"] == 90
    assert "[in].png" in printed.err
