"""Several inputs, standard input and output, and what was done before."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from dreamclean import Picture


def files() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def test_restore_takes_several_pictures_and_a_folder(cli, pictures: Path) -> None:
    assert cli("degrade", "a.png", "b.png", "folder").status == 0
    made = ["a-degraded.png", "b-degraded.png", "folder-degraded/c.png"]
    assert set(files()) - set(made) == {"a.png", "b.png", "folder/c.png"} and set(made) < set(files())
    assert cli("degrade", "a.png", "b.png", "folder", "-o", "out").status == 0
    assert [name for name in files() if name.startswith("out")] == ["out/a.png", "out/b.png", "out/folder/c.png"]
    for name in ("a", "b", "folder/c"):
        assert Picture.open(f"out/{name}.png").pixels.equal(Picture.open(f"{name}.png").pixels)


def test_restore_skips_what_is_done_and_says_so_in_json(cli, pictures: Path) -> None:
    Path("out").mkdir()
    Path("out/a.png").write_bytes(b"kept")
    Path("bad.png").write_text("Dear diary,")
    status, out, err = cli("degrade", "a.png", "bad.png", "b.png", "-o", "out", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["input"], line["output"], line["status"]) for line in lines] == [
        ("a.png", "out/a.png", "skipped"),
        ("bad.png", "out/bad.png", "failed"),
        ("b.png", "out/b.png", "done"),
    ]
    assert "bad.png cannot be read as a picture" in lines[1]["error"]
    assert status == 2 and err == (f"already done: 1 (--overwrite does them again)\nerror: {lines[1]['error']}\n")
    assert Path("out/a.png").read_bytes() == b"kept"


def test_restore_does_not_restore_its_own_results(cli, pictures: Path) -> None:
    """``restore *.png``, run twice; a picture of one's own that is called like a result is not replaced."""
    options = ["--prior", "mixture:path=folder,std=0.1", "--strength", "100", "--steps", "2", "--device", "cpu"]
    assert cli("restore", "a.png", "b.png", *options).status == 0
    made = files()
    status, _, err = cli("restore", *sorted(map(str, Path().glob("*.png"))), *options)
    assert (status, err, files()) == (0, "already done: 2 (--overwrite does them again)\n", made)
    assert cli("restore", "a-restored.png", *options).status == 0
    shutil.copy("b.png", "a-restored.png")
    status, _, err = cli("restore", "a.png", "a-restored.png", "--overwrite", *options)
    assert status == 2 and "the result of a.png would replace a-restored.png" in err
    assert Path("a-restored.png").read_bytes() == Path("b.png").read_bytes()


def test_restore_keeps_two_endings_of_one_name_apart(cli, pictures: Path) -> None:
    Image.open("b.png").save("a.bmp")
    for output in (["-o", "out"], []):
        assert cli("degrade", "a.png", "a.bmp", *output).status == 0
    assert {"out/a.png.png", "out/a.bmp.png", "a.png-degraded.png", "a.bmp-degraded.png"} < set(files())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("a.png nothing.png", "there is no file nothing.png"),
        ("a.png b.png -o c.txt", "c.txt cannot take several pictures' results; give -o another folder"),
        ("a.png b.png -o c.jpg", "c.jpg cannot take several pictures' results; give -o another folder"),
        ("folder -o c.jpg", "c.jpg cannot take a folder's results"),
        ("a.png b.png -o .", "the result of a.png would replace a.png; give -o another folder"),
        ("a.png b.png -o . --overwrite", "the result of a.png would replace a.png"),
        (
            "a.png other/a.png -o out",
            "a.png and other/a.png would both be written to out/a.png.png; restore them one after the other",
        ),
        ("a.png -", "- is one picture, from standard input; give no other with it"),
        ("a.png b.png -o -", "standard output takes one picture; give -o a folder"),
        ("folder -o -", "standard output takes one picture; give -o a folder"),
        ("a.png -o - --json", "--json and the picture cannot both go to standard output; give -o a file"),
    ],
)
def test_restore_refuses_what_cannot_be_before_anything_is_done(
    arguments: str, message: str, cli, pictures: Path
) -> None:
    Path("c.txt").touch()
    Path("other").mkdir()
    shutil.copy("a.png", "other")
    before = files()
    status, out, err = cli("degrade", *arguments.split())
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ") and message in err
    assert files() == before


def test_restore_of_one_picture_twice_makes_one_result(cli, pictures: Path) -> None:
    status, out, _ = cli("degrade", "a.png", "./a.png", "b.png", "-o", "out")
    assert status == 0 and out.count("out/a") == 1
    assert {path for path in files() if path.startswith("out/")} == {"out/a.png", "out/b.png"}
    assert cli("degrade", "a.png", "a.png", "-o", "new")[0] == 0 and "new/a.png" in files()


def test_restore_writes_no_picture_to_a_terminal(cli, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "standard output is a terminal" in cli("degrade", "a.png", "-o", "-").err


def dreamclean(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "DREAMCLEAN_PLUGINS": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "dreamclean", *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=False, env=environment)


def test_restore_reads_standard_input_and_writes_standard_output(pictures: Path) -> None:
    options = ["--prior", "mixture:path=folder,std=0.1", "--strength", "100", "--steps", "2", "--dtype", "float32"]
    done = dreamclean("restore", "-", *options, given=Path("a.png").read_bytes())
    assert done.returncode == 0 and done.stderr.startswith(b"- -> - (6 evaluations, ")
    assert dreamclean("restore", "a.png", "-o", "whole.png", *options).returncode == 0
    assert done.stdout == Path("whole.png").read_bytes()  # with its recipe
    Image.open(io.BytesIO(done.stdout)).load()
    wrong = dreamclean("restore", "-", *options, given=b"no picture")
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    assert (
        wrong.stderr.startswith(b"error: standard input cannot be read as a picture") and wrong.stderr.count(b"\n") == 1
    )


@pytest.mark.parametrize("made", ["restore", "degrade"])
def test_restore_of_a_folder_that_is_done_loads_no_torch(made: str, pictures: Path) -> None:
    target = Path("out/c.png")
    target.parent.mkdir()
    target.touch()
    code = (
        "import sys\nfrom dreamclean.cli.main import main\ntry: main()\nexcept SystemExit as stop: assert not stop.code\n"
        "print([m for m in ('torch', 'diffusers') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, made, "folder", "-o", "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr.split(" (")[0]) == ("[]\n", "already done: 1")
