"""Folders of folders: what is read, where results go, shares of them, and the report."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dreamclean import DreamCleanError
from dreamclean.cli.jobs import Job, plan
from dreamclean.cli.outcome import Outcome
from dreamclean.cli.report import Report
from dreamclean.cli.shard import Shard, belongs, shard_of
from dreamclean.cli.walk import pictures_in

Cli = Callable[..., Any]


def picture(seed: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((16, 16), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options for a run of a few milliseconds."""
    folder = tmp_path_factory.mktemp("mixture")
    for seed in range(4):
        picture(seed).save(folder / f"{seed}.png")
    prior = ["--prior", f"mixture:path={folder},std=0.1"]
    return [*prior, "--strength", "100", "--steps", "2", "--device", "cpu", "--dtype", "float32"]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``photos`` with ``a.png``, ``one/b.png``, ``one/two/c.png``, ``one/two/d.jpg`` and things that are not pictures."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("a.png", "one/b.png", "one/two/c.png", "one/two/d.jpg", ".hidden/e.png")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(path)
    (tmp_path / "photos/one/notes.txt").write_text("none")
    return tmp_path


def rows(path: str) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def found(folder: str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def test_pictures_in_walks_the_tree_and_leaves_hidden_ones_out(tree: Path) -> None:
    names = [path.relative_to(tree / "photos").as_posix() for path in pictures_in(tree / "photos")]
    assert names == ["a.png", "one/b.png", "one/two/c.png", "one/two/d.jpg"]


def test_pictures_in_does_not_follow_links_to_folders(tree: Path) -> None:
    (tree / "photos/one/again").symlink_to(tree / "photos")
    assert len(pictures_in(tree / "photos")) == 4


def test_restore_keeps_the_structure(tree: Path, quick: list[str], cli: Cli) -> None:
    assert cli("restore", "photos", "-o", "clean", *quick).status == 0
    assert found("clean") == ["a.png", "one/b.png", "one/two/c.png", "one/two/d.png"]


def test_restore_into_a_folder_inside_does_not_take_its_own_results(tree: Path, quick: list[str], cli: Cli) -> None:
    for _ in range(2):
        assert cli("restore", "photos", "-o", "photos/clean", *quick).status == 0
    assert found("photos/clean") == ["a.png", "one/b.png", "one/two/c.png", "one/two/d.png"]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3"])
def test_shard_of_refuses_what_is_no_share(text: str) -> None:
    with pytest.raises(DreamCleanError, match="is not a share"):
        shard_of(text)


def test_belongs_puts_every_picture_into_one_share() -> None:
    paths = [Path(f"{n % 7}/{n}.png") for n in range(200)]
    shares = [[path for path in paths if belongs(path, Shard(k, 3))] for k in (1, 2, 3)]
    assert sorted(path for share in shares for path in share) == sorted(paths)
    assert all(40 <= len(share) <= 95 for share in shares)


def test_restore_of_all_shards_is_the_whole(tree: Path, quick: list[str], cli: Cli) -> None:
    done = []
    for k in (1, 2):
        before = set(found("clean")) if Path("clean").exists() else set()
        assert cli("restore", "photos", "-o", "clean", "--shard", f"{k}/2", *quick).status == 0
        done.append(set(found("clean")) - before)
    assert done == [{"a.png", "one/b.png"}, {"one/two/c.png", "one/two/d.png"}]  # by their names, on every machine


def test_shares_of_files_give_each_picture_the_name_that_all_of_them_give_it(tree: Path) -> None:
    files = [Path(f"{k}.{ending}") for k in range(4) for ending in ("png", "jpg")]
    apart = [belongs(Path(f"{k}.png"), Shard(1, 2)) != belongs(Path(f"{k}.jpg"), Shard(1, 2)) for k in range(4)]
    assert any(apart)
    for number, path in enumerate(files):
        picture(number).save(path)
    whole, _ = plan(files, Path("clean"), "restored", False)
    shares = [plan(files, Path("clean"), "restored", False, Shard(k, 2))[0] for k in (1, 2)]
    assert all(shares) and sorted(shares[0] + shares[1]) == sorted(whole)
    assert {job.target.name for job in whole} >= {"0.png.png", "0.jpg.png"}


@pytest.mark.parametrize(("inside", "folder"), [("photos", "."), ("photos/one", "..")])
def test_restore_of_the_folder_one_is_in_goes_beside_it(
    tree: Path, monkeypatch: pytest.MonkeyPatch, inside: str, folder: str
) -> None:
    monkeypatch.chdir(tree / inside)
    targets = {job.target for job in plan([Path(folder)], None, "restored", False)[0]}
    assert tree / "photos-restored/one/b.png" in targets


def test_restore_of_everything_asks_for_a_place(cli: Cli) -> None:
    outcome = cli("restore", "/")
    assert outcome.status == 2 and "give -o a folder" in outcome.err


def test_restore_refuses_a_share_of_one_picture(tree: Path, quick: list[str], cli: Cli) -> None:
    outcome = cli("restore", "photos/a.png", "--shard", "1/2", *quick)
    assert outcome.status == 2 and "leave --shard out" in outcome.err


# The report


def test_report_has_a_line_for_each_picture(tree: Path, quick: list[str], cli: Cli) -> None:
    Path("photos/broken.png").write_bytes(b"no picture")
    assert cli("restore", "photos", "-o", "clean", "--report", "out.csv", *quick).status == 2
    lines = rows("out.csv")
    assert sorted((Path(line["input"]).name, line["status"]) for line in lines) == [
        ("a.png", "done"),
        ("b.png", "done"),
        ("broken.png", "failed"),
        ("c.png", "done"),
        ("d.jpg", "done"),
    ]
    assert all(int(line["nfe"]) > 0 and float(line["seconds"]) > 0 for line in lines if line["status"] == "done")
    assert "cannot be read" in next(line["error"] for line in lines if line["status"] == "failed")


def test_report_of_a_second_run_keeps_what_the_first_found(tree: Path, quick: list[str], cli: Cli) -> None:
    Path("photos/broken.png").write_bytes(b"no picture")
    cli("restore", "photos", "-o", "clean", "--report", "out.json", *quick)
    picture(9).save("photos/broken.png")
    assert cli("restore", "photos", "-o", "clean", "--report", "out.json", *quick).status == 0
    lines = [json.loads(line) for line in Path("out.json").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["done"] * 5


@pytest.mark.parametrize("name", ["out.csv", "out.json"])
def test_report_that_was_cut_off_goes_on(tmp_path: Path, name: str) -> None:
    jobs = [Job(tmp_path / f"{k}.png", tmp_path / f"{k}-restored.png") for k in range(3)]
    first = Report(tmp_path / name)
    for job in jobs[:2]:
        first.add(Outcome(job, {"nfe": 3, "seconds": 0.5}))
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-4])  # killed while it was written
    second = Report(path)
    for job in jobs[1:]:
        second.add(Outcome(job, {"nfe": 4, "seconds": 0.5}))
    second.close()
    third = Report(path)
    third.close()
    text = path.read_text()
    assert [text.count(f"{job.source}") for job in jobs] == [1, 1, 1]


@pytest.mark.parametrize("name", ["out.csv", "out.json"])
def test_report_of_two_runs_at_once_has_the_lines_of_both(tmp_path: Path, name: str) -> None:
    jobs = [Job(tmp_path / f"{k}.png", tmp_path / f"{k}-restored.png") for k in range(4)]
    reports = [Report(tmp_path / name) for _ in range(2)]
    for number, job in enumerate(jobs):
        reports[number % 2].add(Outcome(job, {"nfe": 3, "seconds": 0.5}))
    reports[0].close()
    assert "2.png" in (tmp_path / name).read_text()
    (tmp_path / name).write_text("".join((tmp_path / name).read_text().splitlines(keepends=True)[:-1]))
    reports[1].close()  # puts back what the other run's last write has lost of it
    text = (tmp_path / name).read_text()
    assert [text.count(f"{job.source}") for job in jobs] == [1, 1, 1, 1]


def test_results_have_names_that_a_file_system_takes(tree: Path, quick: list[str], cli: Cli) -> None:
    long = "\u5199" * 82 + ".png"  # 250 bytes
    picture(1).save(tree / long)
    assert cli("restore", "photos/a.png", long, *quick).status == 0
    made = [path.name for path in tree.glob("*-restored.png")]
    assert made == ["\u5199" * 80 + "-restored.png"] and Path("photos/a-restored.png").is_file()


def test_report_tells_of_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    job = Job(tmp_path / os.fsdecode(b"caf\xe9.jpg"), tmp_path / "out.png")
    for nfe in (3, 4):
        report = Report(tmp_path / "out.csv")
        report.add(Outcome(job, {"nfe": nfe, "seconds": 0.5}))
        report.close()
    (line,) = rows(str(tmp_path / "out.csv"))
    assert line["input"].endswith("caf\\udce9.jpg") and line["nfe"] == "4"


def test_report_refuses_a_file_of_another_kind(tree: Path, quick: list[str], cli: Cli) -> None:
    Path("mine.csv").write_text("name,age\nx,3\n")
    outcome = cli("restore", "photos", "-o", "clean", "--report", "mine.csv", *quick)
    assert outcome.status == 2 and "not a report of dreamclean" in outcome.err
    assert Path("mine.csv").read_text() == "name,age\nx,3\n"
    assert cli("restore", "photos", "-o", "clean", "--report", "mine.txt", *quick).status == 2
    answers = "".join(f'{{"input": "q", "answer": {k}}}\n' for k in range(3))
    Path("mine.jsonl").write_text(answers)
    assert cli("restore", "photos", "-o", "clean", "--report", "mine.jsonl", *quick).status == 2
    assert Path("mine.jsonl").read_text() == answers
    assert not Path("clean").exists()


# Several processes


def test_restore_with_workers_makes_the_same_pictures(tree: Path, quick: list[str], cli: Cli) -> None:
    assert cli("restore", "photos", "-o", "alone", *quick).status == 0
    outcome = cli("restore", "photos", "-o", "shared", "--workers", "2", "--report", "out.csv", *quick)
    assert outcome.status == 0 and len(outcome.out.splitlines()) == 4
    assert found("shared") == found("alone")
    for name in found("alone"):
        with Image.open(f"alone/{name}") as one, Image.open(f"shared/{name}") as other:
            difference = np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16))
        assert difference.max() <= 1
    assert len(rows("out.csv")) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_workers_that_are_killed_lose_no_picture(tree: Path, quick: list[str], cli: Cli) -> None:
    """A plugin kills its process at one picture: that one is reported, and the others are done."""
    Path("assassin.py").write_text(
        "import os, signal\nfrom dreamclean import Corrector, hookimpl\n"
        "class Assassin(Corrector):\n"
        "    '''Kills its process at a picture that is dark.'''\n"
        "    name = 'assassin'\n"
        "    def __call__(self, latent, denoise, noise):\n"
        "        if latent.x.mean() / latent.level.alpha < -0.8: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return latent\n"
        "@hookimpl\ndef register_correctors(register): register(Assassin)\n"
    )
    info = Path("assassin-1.dist-info")
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: assassin\nVersion: 1\n")
    info.joinpath("entry_points.txt").write_text("[dreamclean]\nassassin = assassin\n")
    Image.new("RGB", (16, 16), (1, 2, 3)).save("photos/one/dark.png")
    command = [sys.executable, "-m", "dreamclean", "restore", "photos", "-o", "clean", "--workers", "2", *quick]
    command += ["--initializer", "matched-level", "--corrector", "assassin"]
    paths = [str(tree), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    run = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=300)
    assert run.returncode == 2
    assert "dark.png: its process was killed" in run.stderr and run.stderr.count("was killed") == 1
    assert found("clean") == ["a.png", "one/b.png", "one/two/c.png", "one/two/d.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_restore_that_is_killed_goes_on_where_it_was(tmp_path: Path, quick: list[str]) -> None:
    """Killed five times at random and started again, every picture is there, whole, and none was done twice."""
    for n in range(200):
        path = tmp_path / "photos" / str(n % 20) / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(n).save(path)
    command = [sys.executable, "-m", "dreamclean", "restore", "photos", "-o", "clean", "--report", "r.json", *quick]
    moments, written = random.Random(0), dict[Path, int]()
    for wanted in sorted(moments.sample(range(1, 190), 5)):
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            end = time.monotonic() + 120
            while len(results(tmp_path)) < wanted and process.poll() is None:
                assert time.monotonic() < end
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        now = results(tmp_path)
        assert written.items() <= now.items()
        written = now
    assert len(written) < 200
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=300)
    now = results(tmp_path)
    assert len(now) == 200 and written.items() <= now.items()
    for path in now:
        with Image.open(path) as image:
            image.load()
    lines = [json.loads(line) for line in (tmp_path / "r.json").read_text().splitlines()]
    assert len(lines) == 200 and len({line["input"] for line in lines}) == 200


def results(folder: Path) -> dict[Path, int]:
    """The pictures in ``clean``, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in (folder / "clean").rglob("[!.]*.png")}
