"""The suite ``blind-wide``: damage by kind, the operator of each picture, and the share of the known gain."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from dreamclean_bench import runner
from dreamclean_bench.methods.baseline import Input
from dreamclean_bench.report import write_report
from dreamclean_bench.report.share import CAPTION, as_csv, plot, shares
from dreamclean_bench.report.tables import tabulate
from dreamclean_bench.runner import Setting, pictures_of, plan, run
from dreamclean_bench.store import Cell, Row, Store
from dreamclean_bench.suites import SUITES
from dreamclean_bench.tasks import TASKS, find_task
from dreamclean_bench.wide import DAMAGES, Damage, operator_of
from torch import Tensor

from dreamclean import Chain, Inpaint
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS
from dreamclean.host.host import Host


def picture(seed: int = 0) -> Tensor:
    small = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    large = torch.nn.functional.interpolate(small, size=(96, 96), mode="bicubic").clamp(0.05, 0.95)
    return (large * 255).round() / 255


def test_blind_wide_has_twenty_kinds_of_damage_and_every_clean_one() -> None:
    suite = SUITES["blind-wide"]
    kinds = {DAMAGES[task].kind for task in suite.tasks}
    assert len([kind for kind in kinds if KINDS[kind].group != "clean"]) >= 20
    assert kinds == set(KINDS)
    assert suite.methods == ("input", "dreamclean", "dreamclean-known", "dreamclean:preset=paper")


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_measured_with_its_operator(name: str) -> None:
    task = TASKS[name]
    one, again, other = (task.measure(picture(), seed) for seed in (1, 1, 2))
    assert torch.equal(one.measurement, again.measurement) and torch.equal(one.shown, again.shown)
    assert one.reference.shape == one.shown.shape
    assert json.loads(task.damage.spec())["damage"] == task.damage.kind if task.damage else False
    if one.operator is not None:
        assert one.operator.degrade(one.reference).shape == one.measurement.shape
    if task.damage and task.damage.kind in ("white", "grain", "scratches", "salt-and-pepper"):
        assert not torch.equal(one.shown, other.shown)


def test_damage_of_an_enlarged_picture_measures_the_small_one() -> None:
    made = TASKS["enlarged-4-nearest"].measure(picture(), 0)
    assert made.measurement.shape == (1, 3, 24, 24)
    assert made.shown.shape == (1, 3, 96, 96)
    assert torch.equal(made.shown[..., 5, 9], made.measurement[..., 1, 2])


def test_damage_of_outliers_tells_the_mask() -> None:
    made = TASKS["salt-and-pepper-6"].measure(picture(), 0)
    assert isinstance(made.operator, Inpaint)
    lost = made.operator.known(96, 96) == 0
    assert torch.equal(lost, (made.shown != made.reference).any(1, keepdim=True))


@pytest.mark.parametrize(("task", "order"), [("dust-jpeg", ["jpeg", "inpaint"]), ("blur-jpeg", ["blur", "jpeg"])])
def test_damage_that_was_saved_as_a_jpeg_says_what_happened_in_order(task: str, order: list[str]) -> None:
    """What lies on a picture was compressed with it, so the mask is last."""
    made = TASKS[task].measure(picture(), 0)
    assert isinstance(made.operator, Chain)
    assert [link.name for link in made.operator.links] == order
    off = (made.operator.degrade(made.reference) - made.operator.from_picture(made.shown)).abs()
    assert float(off.mean()) < 0.02


def test_operator_of_an_unknown_name_is_none() -> None:
    x = picture()
    assert operator_of(Damaged(x, x)) is None
    assert operator_of(Damaged(x, x, "no-such-operator:speed=3")) is None
    operator = operator_of(Damaged(x, x, "identity:noise=0.1"))
    assert operator is not None and operator.noise == 0.1


def test_damage_runs_as_other_tasks_do(bench_host: Host, photos: Path, mixture: str, tmp_path: Path) -> None:
    methods = [bench_host.make("method", spec) for spec in ("input", "once", "ddrm")]
    tasks = [find_task(name) for name in ("white-25", "faded", "clean-text-page")]
    prior = bench_host.make("prior", mixture)
    with Store(tmp_path / "wide.sqlite", create=True) as store:
        work = plan(tasks, methods, pictures_of(photos), {}, prior, size=32, limit=1)
        run(work, store, Setting(mixture))
        rows = {(row.cell.task, row.cell.method): row for row in store.rows()}
        assert json.loads(rows["white-25", "input"].cell.operator) == {"damage": "white", "std": 25.0}
        assert rows["white-25", "input"].psnr == pytest.approx(20.5, abs=1)
        assert rows["clean-text-page", "input"].psnr == float("inf")
        assert [rows["faded", name].status for name in ("input", "ddrm")] == ["done", "refused"]
        told: list[Row | None] = []
        run(work, store, Setting(mixture), tell=told.append)
        assert told == [None] * len(work)


def test_damage_is_the_same_for_every_method(
    bench_host: Host, photos: Path, mixture: str, calls: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    monkeypatch.setattr(Input, "restore", lambda self, problem: seen.append(problem.shown) or problem.shown)
    methods = [bench_host.make("method", spec) for spec in ("input", "once")]
    for item in plan(
        [find_task("white-25")], methods, pictures_of(photos), {}, bench_host.make("prior", mixture), size=32
    ):
        runner._measured.cache_clear()
        runner.compute(item, Setting(mixture))
    assert len(seen) == len(calls) == 3
    assert all(torch.equal(a, b) for a, b in zip(seen, calls, strict=True))
    assert not torch.equal(seen[0] - seen[0].mean(), seen[1] - seen[1].mean())


def row(method: str, psnr: float, lpips: float, image: str = "a", task: str = "grain-20", status: str = "done") -> Row:
    cell = Cell(image, image, task, '{"damage": "grain"}', method, "" if method == "input" else "p", 64, 0)
    return Row(cell, status, "", *((psnr, 0.5, lpips, 8, 1.0, 1.0) if status == "done" else ()))


def three(task: str = "grain-20", auto: float = 23.0, image: str = "a") -> list[Row]:
    return [
        row("input", 20.0, 0.5, image, task),
        row("dreamclean", auto, 0.35, image, task),
        row("dreamclean-known", 24.0, 0.3, image, task),
        row("dreamclean:preset=paper", 10.0, 0.9, image, task),
    ]


def test_share_is_the_automatic_gain_over_the_known_one() -> None:
    (share,) = shares(tabulate([*three(), *three(auto=25.0, image="b")]))
    assert (share.task, share.images) == ("grain-20", 2)
    assert share.share("psnr") == pytest.approx((3 + 5) / (4 + 4))
    assert share.share("lpips") == pytest.approx(0.15 / 0.2)
    lines = as_csv([share]).splitlines()
    assert lines[1] == "grain-20,p,64,2,psnr,20,24,24,4,4,1"


def test_shares_of_two_sizes_are_told_apart() -> None:
    small = [replace(each, cell=replace(each.cell, size=32)) for each in three()]
    labels = [share.label for share in shares(tabulate([*three(), *small]))]
    assert len(set(labels)) == 2 and all("grain-20 (prior p, " in label for label in labels)


def test_share_is_over_pictures_that_all_have_done() -> None:
    rows = [*three(), *three(auto=15.0, image="b")[:2], row("dreamclean-known", 0, 0, "b", status="failed")]
    (share,) = shares(tabulate(rows))
    assert (share.images, share.share("psnr")) == (1, pytest.approx(3 / 4))


def test_share_of_next_to_nothing_is_none() -> None:
    rows = [row("input", 20.0, 0.5), row("dreamclean", 25.0, 0.4), row("dreamclean-known", 20.05, 0.499)]
    (share,) = shares(tabulate(rows))
    assert share.share("psnr") is share.share("lpips") is None
    assert plot([share]) == {}


@pytest.mark.parametrize("missing", ["input", "dreamclean", "dreamclean-known"])
def test_shares_need_all_three_methods(missing: str) -> None:
    assert shares(tabulate([each for each in three() if each.cell.method != missing])) == []


def test_shares_leave_out_clean_pictures() -> None:
    assert shares(tabulate(three(task="clean-night"))) == []


def test_report_shows_the_shares(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite", create=True) as store:
        for each in [*three(), *three(task="jpeg-30-png", auto=19.0)]:
            store.add(each)
        paths: dict[str, Path] = {path.name: path for path in write_report(store, tmp_path / "report")}
    assert {"share.csv", "share.png"} <= set(paths)
    assert "(images/share.png)" in paths["report.md"].read_text()
    assert CAPTION in paths["report.html"].read_text()
    assert paths["share.csv"].read_text().count("\n") == 5


def test_report_without_shares_says_nothing_of_them(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite", create=True) as store:
        store.add(three()[0])
        names: list[Any] = [path.name for path in write_report(store, tmp_path / "report")]
    assert "share.csv" not in names and "share.png" not in names


def test_damage_has_a_title_with_its_settings() -> None:
    assert Damage("grain", {"std": 20.0, "blur": 1.0}).title == "film grain, std 20.0, blur 1.0"
    assert Damage("dust").title == "dust and hairs"
