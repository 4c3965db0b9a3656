"""Running: each cell once, the same measurement for every method, failures that stay where they are."""

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from dreamclean_bench import latents, runner, suites, weights
from dreamclean_bench.cli import bench, split_specs
from dreamclean_bench.method import Problem
from dreamclean_bench.paper import DATA, EXPERIMENTS
from dreamclean_bench.runner import Setting, Work, pictures_of, plan, run, spec_text
from dreamclean_bench.store import Row, Store
from dreamclean_bench.tasks import find_task
from PIL import Image
from torch import Tensor

from dreamclean import DreamCleanError, DreamCleanWarning, Mixture
from dreamclean.contracts.warn import warn
from dreamclean.host.host import Host


def planned(
    host: Host, photos: Path, prior: str, methods: list[str], task: str = "sr4-noisy", **options: Any
) -> list[Work]:
    made = [host.make("method", spec) for spec in methods]
    return plan([find_task(task)], made, pictures_of(photos), {}, host.make("prior", prior), size=32, **options)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results.sqlite", create=True)


def test_runner_computes_a_cell_once(
    bench_host: Host, calls: list[Tensor], photos: Path, mixture: str, store: Store
) -> None:
    work = planned(bench_host, photos, mixture, ["once", "input"])
    run(work[:3], store, Setting(mixture))
    before = store.rows()
    told: list[Row | None] = []
    run(work, store, Setting(mixture), tell=told.append)
    assert len(calls) == 3
    assert store.rows()[:3] == before
    assert [row is None for row in told] == [True] * 3 + [False] * 3


def test_runner_refuses_to_mix_results_of_other_weights(
    bench_host: Host, photos: Path, mixture: str, store: Store
) -> None:
    """A prior keeps its name when it is trained further."""
    work = planned(bench_host, photos, mixture, ["once", "input"])
    run(work[:2], store, Setting(mixture))
    picture = next(Path(mixture.partition("path=")[2].partition(",")[0]).glob("*.png"))
    picture.write_bytes(picture.read_bytes() + b"more")
    run(work[:2], store, Setting(mixture))  # in one process a prior is loaded once
    for cached in (runner._prior, runner._digest_of):
        cached.cache_clear()
    with pytest.raises(DreamCleanError, match=r"results.sqlite holds results of other weights of mixture.*--store"):
        run(work, store, Setting(mixture))
    with pytest.raises(DreamCleanError, match="other weights"):  # other cells of the prior do not go in either
        run(planned(bench_host, photos, mixture, ["once"], task="denoise"), store, Setting(mixture))
    assert len(store.rows()) == 2


def test_runner_refuses_to_mix_precisions(
    bench_host: Host, photos: Path, mixture: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = planned(bench_host, photos, mixture, ["one-step", "input"], task="denoise")
    run(work[:2], store, Setting(mixture, "cpu", "float32"))
    with pytest.raises(DreamCleanError, match=r"results of another precision of .*\(float32; now bfloat16\); give an"):
        run(work, store, Setting(mixture, "cpu", "bfloat16"))
    assert len(store.rows()) == 2
    run(work[1::2], store, Setting(mixture, "cpu", "bfloat16"))  # what asks no prior has none
    run(work, store, Setting(mixture, "cpu", "float32"))
    assert len(store.rows()) == len(work)


def test_runner_refuses_a_device_that_is_not_there_before_the_first_cell(
    bench_host: Host, photos: Path, mixture: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DreamCleanError, match="cuda"):
        run(planned(bench_host, photos, mixture, ["one-step"], task="denoise"), store, Setting(mixture, "cuda"))
    assert store.rows() == []


def test_runner_refuses_a_method_s_file_that_has_changed(
    bench_host: Host, photos: Path, mixture: str, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "net.pth"
    file.write_bytes(b"first")
    work = planned(bench_host, photos, mixture, [f"network:file={file}"], limit=1)
    digest = runner.digest_of(file)
    store.add(Row(work[0].cell, "done", psnr=20.0, ssim=0.5, lpips=0.5, versions={"weights": digest}))
    run(work, store, Setting(mixture))
    file.write_bytes(b"other")
    runner._digest_of.cache_clear()
    with pytest.raises(DreamCleanError, match="results of other weights of network:file="):
        run(work, store, Setting(mixture))


def test_merge_refuses_results_of_other_weights_and_of_another_precision(
    bench_host: Host, photos: Path, mixture: str, store: Store, tmp_path: Path
) -> None:
    work = planned(bench_host, photos, mixture, ["one-step"], task="denoise")
    row = Row(work[0].cell, "done", psnr=20.0, versions={"weights": "a", "precision": "float32"})
    store.add(row)
    for versions, said in (({"weights": "b"}, "other weights"), ({"precision": "bfloat16"}, "another precision")):
        with pytest.raises(DreamCleanError, match=said):
            store.take([replace(row, cell=work[1].cell, versions={**row.versions, **versions})])
    assert len(store.rows()) == 1
    assert store.take([replace(row, cell=work[1].cell), replace(row, cell=work[2].cell, versions={})]) == 2


@pytest.mark.parametrize("large", [False, True])
def test_digest_of_a_prior_is_that_of_its_files(large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_WHOLE", 10 if large else 1000)
    monkeypatch.setattr(weights, "_END", 5)
    (tmp_path / "unet").mkdir()
    file = tmp_path / "unet/weights"
    found = []
    for content in (b"a" * 30, b"a" * 29 + b"b", b"a" * 31):
        file.write_bytes(content)
        found.append(weights.digest_of(Mixture(path=str(tmp_path)).source))
    assert len(set(found)) == 3 and all(found)
    assert weights.digest_of(Mixture.around(torch.rand(1, 3, 4, 4)).source) == ""


def test_runner_keeps_the_model_between_methods_that_need_it(
    bench_host: Host, photos: Path, mixture: str, store: Store
) -> None:
    run(planned(bench_host, photos, mixture, ["input", "once"]), store, Setting(mixture))
    assert runner._prior.cache_info().misses == 2


def test_row_holds_its_results(bench_host: Host, photos: Path, mixture: str, store: Store) -> None:
    run(planned(bench_host, photos, mixture, ["once", "input"], keep=1), store, Setting(mixture))
    once, given, *later = store.rows()
    assert (once.status, once.nfe, given.nfe) == ("done", 2, 0)
    assert once.seconds and once.prior_seconds and once.seconds > once.prior_seconds > 0
    assert once.psnr and given.psnr and once.psnr < given.psnr
    assert once.memory is None or once.memory > 50
    assert (once.cell.prior, given.cell.prior) == (mixture, "")
    assert once.picture and not any(row.picture for row in later)
    assert store.picture(once.cell, "reference") and store.picture(once.cell, "measurement")
    assert store.picture(later[0].cell, "reference") is None


def test_runner_gives_every_method_the_same_measurement_and_every_image_its_own_seed(
    bench_host: Host, calls: list[Tensor], photos: Path, mixture: str, store: Store
) -> None:
    seen = {}
    for seed in (0, 1):
        for item in planned(bench_host, photos, mixture, ["once"], seed=seed):
            runner.compute(item, Setting(mixture))
            runner._measured.cache_clear()
            runner.compute(item, Setting(mixture))
            assert torch.equal(calls[-1], calls[-2])
            seen[item.cell.image, seed] = calls[-1]
    values = list(seen.values())
    noise = [y - y.mean() for y in values]
    assert all(not torch.allclose(a, b) for i, a in enumerate(noise) for b in noise[:i])


def test_runner_results_do_not_depend_on_jobs(photos: Path, mixture: str, tmp_path: Path) -> None:
    host, outcomes = Host(), []
    for jobs in (1, 2):
        with Store(tmp_path / f"{jobs}.sqlite", create=True) as store:
            run(
                planned(host, photos, mixture, ["dreamclean:steps=3", "input"], limit=2),
                store,
                Setting(mixture, threads=1),
                jobs,
            )
            outcomes.append({row.cell: (row.psnr, row.lpips, row.nfe, row.status) for row in store.rows()})
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) == 4


def test_runner_leaves_no_process_at_work_when_it_is_stopped(photos: Path, mixture: str) -> None:
    work = planned(Host(), photos, mixture, ["input", "dreamclean:steps=40"])
    outcomes = runner._outcomes(work, Setting(mixture, threads=1), 2)
    next(outcomes)
    assert active_children()
    outcomes.close()
    assert not active_children()


def test_runner_goes_on_after_a_failing_method(bench_host: Host, photos: Path, mixture: str, store: Store) -> None:
    run(planned(bench_host, photos, mixture, ["raises", "not-finite", "input"], limit=1), store, Setting(mixture))
    assert [(row.status, row.note) for row in store.rows()] == [
        ("failed", "RuntimeError: no such luck at all"),
        ("failed", "the result is not finite"),
        ("done", ""),
    ]


def test_runner_tries_failed_cells_again_if_asked(bench_host: Host, photos: Path, mixture: str, store: Store) -> None:
    work = planned(bench_host, photos, mixture, ["once"], limit=1)
    store.add(Row(work[0].cell, "failed", "once upon a time"))
    run(work, store, Setting(mixture))
    assert store.rows()[0].status == "failed"
    run(work, store, Setting(mixture), retry=True)
    assert [row.status for row in store.rows()] == ["done"]
    store.add(Row(work[0].cell, "refused", "an earlier version could not"))
    run(work, store, Setting(mixture))
    assert store.rows()[0].status == "refused"
    run(work, store, Setting(mixture), retry=True)
    assert store.rows()[0].status == "done"


def test_runner_goes_on_after_a_corrupt_picture(bench_host: Host, photos: Path, mixture: str, store: Store) -> None:
    (photos / "0.png").write_bytes((photos / "0.png").read_bytes()[:60])
    run(planned(bench_host, photos, mixture, ["input"]), store, Setting(mixture))
    assert [row.status for row in store.rows()] == ["failed", "done", "done"]
    assert "0.png" in store.rows()[0].note


def test_runner_says_that_a_picture_is_too_small(bench_host: Host, photos: Path, mixture: str) -> None:
    work = planned(bench_host, photos, mixture, ["input"])[0]
    outcome = runner.compute(replace(work, cell=replace(work.cell, size=64)), Setting(mixture))
    assert outcome.row.note == "0.png is 64 x 48, smaller than 64; choose a smaller --size"


def test_runner_passes_a_warning_on_once(
    bench_host: Host,
    photos: Path,
    mixture: str,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    """One that every cell gives is one line of a run, and not a thousand."""
    method = type(bench_host.make("method", "once"))

    def warning(self: Any, problem: Problem) -> Tensor:
        warn("you may be surprised")
        return problem.shown

    monkeypatch.setattr(method, "restore", warning)
    run(planned(bench_host, photos, mixture, ["once"]), store, Setting(mixture))
    assert len(store.rows()) == 3
    assert [str(one.message) for one in recwarn if one.category is DreamCleanWarning] == ["you may be surprised"]


def test_runner_leaves_out_pictures_smaller_than_the_crop_with_one_warning(
    bench_host: Host, photos: Path, mixture: str, recwarn: pytest.WarningsRecorder
) -> None:
    Image.open(photos / "0.png").resize((48, 40)).save(photos / "0.png")
    prior, methods = bench_host.make("prior", mixture), [bench_host.make("method", "input")]
    tasks = [find_task("denoise"), find_task("colorize")]
    work = plan(tasks, methods, pictures_of(photos), {}, prior, size=44, limit=1)
    assert [(item.cell.image, item.cell.task) for item in work] == [("1.png", "denoise"), ("1.png", "colorize")]
    assert [str(w.message) for w in recwarn if w.category is DreamCleanWarning] == [
        "1 of 3 pictures left out, smaller than 44 x 44; --size 40 takes them all"
    ]


def test_runner_leaves_out_a_task_with_a_larger_crop(bench_host: Host, photos: Path, mixture: str) -> None:
    Image.new("RGB", (256, 300)).save(photos / "3.png")
    prior, methods = bench_host.make("prior", mixture), [bench_host.make("method", "input")]
    with pytest.warns(DreamCleanWarning, match="as large as these tasks' crop: sr32-noisy; "):
        work = plan([find_task("denoise"), find_task("sr32-noisy")], methods, pictures_of(photos), {}, prior)
    assert {(item.cell.task, item.cell.image) for item in work} == {("denoise", "3.png")}


def test_runner_answers_where_all_pictures_are_too_small(photos: Path, mixture: str, tmp_path: Path) -> None:
    store = tmp_path / "small.sqlite"
    options = ["quick", "--images", str(photos), "--prior", mixture, "--store", str(store)]
    with pytest.raises(DreamCleanError, match="is as large as 128 x 128; choose --size 48 or less"):
        command("run", *options)
    assert not store.exists()


def test_runner_says_why_a_task_is_refused(bench_host: Host, photos: Path, mixture: str, store: Store) -> None:
    run(planned(bench_host, photos, mixture, ["ddrm"], task="jpeg-cascade", limit=1), store, Setting(mixture))
    row = store.rows()[0]
    assert (row.status, row.psnr) == ("refused", None)
    assert row.note


def test_runner_refuses_settings_that_do_not_suit_the_task(
    bench_host: Host, photos: Path, mixture: str, store: Store
) -> None:
    run(planned(bench_host, photos, mixture, ["dreamclean-known:steps=900"], limit=1), store, Setting(mixture))
    row = store.rows()[0]
    assert row.status == "refused"
    assert "900 steps do not fit" in row.note


def test_pairs_of_pictures_are_compared(
    bench_host: Host, photos: Path, mixture: str, store: Store, tmp_path: Path
) -> None:
    for kind in ("input", "target"):
        (tmp_path / "pairs" / kind).mkdir(parents=True)
    Image.open(photos / "0.png").save(tmp_path / "pairs/target/a.png")
    Image.open(photos / "1.png").save(tmp_path / "pairs/input/a.jpg", quality=95)
    methods = [bench_host.make("method", name) for name in ("input", "ddrm")]
    prior = bench_host.make("prior", mixture)
    work = plan([find_task("rain")], methods, [], {"rain": tmp_path / "pairs"}, prior, size=32)
    run(work, store, Setting(mixture))
    given, ddrm = store.rows()
    assert given.status == "done"
    assert given.psnr and 15 < given.psnr < 30
    assert ddrm.status == "refused"
    (tmp_path / "pairs/input/a.jpg").unlink()
    with pytest.raises(DreamCleanError, match="there is no a in"):
        plan([find_task("rain")], methods, [], {"rain": tmp_path / "pairs"}, prior, size=32)


def test_cell_of_another_picture_of_that_name_is_another(bench_host: Host, photos: Path, mixture: str) -> None:
    before = planned(bench_host, photos, mixture, ["input"])[0].cell
    Image.open(photos / "1.png").save(photos / "0.png")
    runner._digest.cache_clear()
    after = planned(bench_host, photos, mixture, ["input"])[0].cell
    assert before.image == after.image and before != after


def test_specs_go_back_and_forth(bench_host: Host) -> None:
    for text in ("once", "ddrm:steps=20", "dreamclean:preset=paper,corrector=none"):
        assert spec_text(bench_host.make("method", text)) == text
    assert split_specs("a,b:x=1,y=2,c") == ["a", "b:x=1,y=2", "c"]
    assert split_specs("a:s=nsr:0.2,t=nsr:1,b:c=2") == ["a:s=nsr:0.2,t=nsr:1", "b:c=2"]


def test_store_stays_valid_on_a_full_disk(bench_host: Host, photos: Path, mixture: str, store: Store) -> None:
    for path in photos.iterdir():
        Image.effect_noise((64, 48), 90).convert("RGB").save(path)  # pictures that fill pages
    work = planned(bench_host, photos, mixture, ["input"], keep=3)
    run(work[:1], store, Setting(mixture))
    before = store.rows()
    pages = store._connection.execute("pragma page_count").fetchone()[0]
    store._connection.execute(f"pragma max_page_count = {pages}")  # SQLite then says what it says on a full disk
    with pytest.raises(DreamCleanError, match=r"database or disk is full; what was stored before is safe"):
        run(work, store, Setting(mixture))
    with Store(store.path) as again:
        assert again.rows() == before
        assert again._connection.execute("pragma integrity_check").fetchone() == ("ok",)
        run(work, again, Setting(mixture))
        assert [row.status for row in again.rows()] == ["done"] * 3


def test_store_refuses_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("This is not a database, but it is a file of some length." * 40)
    with pytest.raises(DreamCleanError, match="not a database"):
        Store(tmp_path / "other", create=True)
    assert (tmp_path / "other").read_text().startswith("This is")
    with pytest.raises(DreamCleanError, match="there is no results file"):
        Store(tmp_path / "missing")


def test_store_loses_at_most_one_cell_of_a_killed_run(photos: Path, mixture: str, tmp_path: Path) -> None:
    """Killed while it works on the third cell: two are there, and the same command ends the work."""
    path = tmp_path / "killed.sqlite"
    script = f"""
import os
from pathlib import Path
from dreamclean.host.host import Host
from dreamclean_bench import runner, suites
from dreamclean_bench.store import Store
from dreamclean_bench.tasks import find_task
host = Host()
methods = [host.make("method", "input")]
work = runner.plan([find_task("denoise")], methods, runner.pictures_of(Path({str(photos)!r})), {{}}, host.make("prior", {mixture!r}), size=32)
inner, done = runner.compute, []
def compute(item, setting):
    if len(done) == 2:
        os.kill(os.getpid(), 9)
    done.append(item)
    return inner(item, setting)
runner.compute = compute
runner.run(work, Store(Path({str(path)!r}), create=True), runner.Setting({mixture!r}))
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with Store(path) as store:
        assert [row.status for row in store.rows()] == ["done", "done"]
    host = Host()
    with Store(path) as store:
        told: list[Row | None] = []
        run(planned(host, photos, mixture, ["input"], task="denoise"), store, Setting(mixture), tell=told.append)
        assert [row is None for row in told] == [True, True, False]


def command(*arguments: object) -> object:
    app = typer.Typer()
    app.add_typer(bench, name="bench")
    return app(["bench", *map(str, arguments)], standalone_mode=False)


def test_run_command_fills_the_store(
    bench_host: Host, photos: Path, mixture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.sqlite"
    options = ["--images", photos, "--store", path, "--prior", mixture, "--size", 32, "--tasks", "denoise,inpaint"]
    command("run", "quick", *options, "--methods", "input,ddrm:steps=5,strength=200,raises", "--limit", 1)
    captured = capsys.readouterr()
    assert captured.out == f"{path}: 4 done, 2 failed\n"
    assert captured.err.count("failed: 0.png denoise raises: RuntimeError: no such luck at all\n") == 1
    command("run", "quick", *options, "--methods", "input,ddrm:steps=5,strength=200", "--limit", 1)
    assert capsys.readouterr().out == f"{path}: 4 already there\n"
    rows = sqlite3.connect(path).execute("select method, operator from cells where task = 'inpaint'").fetchall()
    assert "ddrm:strength=200.0,steps=5" in {method for method, _ in rows}
    assert json.loads(rows[0][1])["name"] == "inpaint"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table9"], "there is no suite 'table9'; there are table1"),
        (["quick", "--tasks", "bake"], "there is no task 'bake'"),
        (["quick", "--methods", "dddrm"], "did you mean 'ddrm'"),
        (["quick", "--tasks", "rain"], "give --pairs rain=FOLDER"),
        (["quick", "--tasks", "rain", "--pairs", "rain"], "write --pairs TASK=FOLDER"),
    ],
)
def test_run_command_with_bad_arguments_gives_one_line(
    bench_host: Host, photos: Path, mixture: str, tmp_path: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(DreamCleanError, match=message):
        command("run", *arguments, "--images", photos, "--prior", mixture, "--store", tmp_path / "b.sqlite")
    assert not (tmp_path / "b.sqlite").exists()


def test_run_command_with_a_folder_without_pictures_gives_one_line(
    bench_host: Host, mixture: str, tmp_path: Path
) -> None:
    with pytest.raises(DreamCleanError, match="there is no picture in"):
        command("run", "quick", "--images", tmp_path / "nowhere", "--prior", mixture, "--store", tmp_path / "b.sqlite")


def test_paper_command_runs_the_tables_of_the_pictures_that_there_are(
    bench_host: Host, photos: Path, mixture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jpeg = replace(suites.SUITES["table4"], methods=("input", "ddrm:steps=5,strength=200"))
    monkeypatch.setitem(suites.SUITES, "table4", jpeg)
    output = tmp_path / "paper"
    options = ["--images", f"bedroom={photos}", "--prior", f"bedroom={mixture}", "--size", 32, "--limit", 1]
    command("paper", *options, "-o", output)
    assert "jpeg-cascade" in (output / "table4/report.md").read_text()
    lines = (output / "index.md").read_text().splitlines()
    assert [line for line in lines if "](" in line] == ["- [table4](table4/report.md), rooms (LSUN bedroom)"]
    assert sum("not run" in line for line in lines) == len(EXPERIMENTS) - 1


def test_paper_command_continues_and_leaves_small_pictures_out(
    bench_host: Host, photos: Path, mixture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dreamclean_bench.paper.EXPERIMENTS", [one for one in EXPERIMENTS if one.suite is None])
    asked: list[tuple[int, object]] = []
    draw = latents.latents

    def counting(crops: list[Tensor], *given: Any, **settings: Any) -> list[Path]:
        asked.append((len(crops), settings["device"]))
        return draw(crops, *given, strength=100, steps=2, **settings)

    monkeypatch.setattr(latents, "latents", counting)
    Image.open(photos / "0.png").resize((40, 30)).save(photos / "0.png")
    options = ["--images", f"celeba={photos}", "--prior", f"celeba={mixture}", "--size", 32, "--device", "cpu"]
    for _ in range(2):
        command("paper", *options, "-o", tmp_path / "paper")
    assert asked == [(2, "cpu")]
    command("paper", *options, "--dtype", "float32", "-o", tmp_path / "paper")  # other settings, other figures
    command("paper", *options, "--limit", 1, "-o", tmp_path / "paper")
    assert asked == [(2, "cpu"), (2, "cpu"), (1, "cpu")]


@pytest.mark.parametrize("name", ["run", "paper", "latents"])
def test_bench_refuses_crops_that_its_metrics_cannot_judge(name: str, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="") as error:
        command(name, *(["quick"] if name == "run" else []), "--images", photos, "--size", 30)
    assert "greater than or equal to 31" in error.value.format_message()  # type: ignore[attr-defined]


def test_paper_command_looks_for_all_pictures_before_it_runs(
    bench_host: Host, photos: Path, mixture: str, tmp_path: Path
) -> None:
    output = tmp_path / "paper"
    with pytest.raises(DreamCleanError, match="there is no picture in"):
        command("paper", "--images", f"bedroom={photos}", "--images", f"celeba={tmp_path / 'nowhere'}", "-o", output)
    with pytest.raises(DreamCleanError, match="NAME one of celeba, imagenet"):
        command("paper", "--images", str(photos), "-o", output)
    assert not output.exists()


def test_paper_experiments_are_suites() -> None:
    assert all(one.suite is None or one.suite in suites.SUITES for one in EXPERIMENTS)
    assert {one.data for one in EXPERIMENTS} == set(DATA)
