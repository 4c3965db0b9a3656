"""Tasks, suites and metrics."""

from pathlib import Path

import pytest
import torch
from dreamclean_bench.ddrm_blur import DDRMBlur
from dreamclean_bench.metrics import lpips, metrics, psnr, ssim
from dreamclean_bench.runner import spec_text
from dreamclean_bench.suites import SUITES
from dreamclean_bench.tasks import TASKS, Task, settled, shown

from dreamclean import Host, Mixture, Picture
from dreamclean.contracts.operator import Operator
from dreamclean.testing import LinearOperatorSuite

PICTURES = Path(__file__).with_name("lpips")
"""Example pictures of the LPIPS reference implementation (BSD 2-Clause, Zhang et al. 2018)."""


class TestDDRMBlur(LinearOperatorSuite):
    component = DDRMBlur()


class TestDDRMBlurAnisotropic(LinearOperatorSuite):
    component = DDRMBlur(shape="anisotropic")


def test_ddrm_blur_drops_its_last_tap_and_darkens() -> None:
    image = torch.ones(1, 3, 32, 32)
    blurred = DDRMBlur().degrade(image)
    assert blurred[0, 0, 16, 16].item() == pytest.approx((8 / 9) ** 2)
    impulse = torch.zeros(1, 1, 32, 32)
    impulse[..., 16, 16] = 1
    row = DDRMBlur().degrade(impulse)[0, 0, 16]
    assert row.nonzero().flatten().tolist() == list(range(13, 21))  # y_i = x_(i-4) ... x_(i+3), over nine
    assert row.max().item() == pytest.approx(1 / 81)


def test_ddrm_blur_is_wide_across_and_narrow_down() -> None:
    """The code's first kernel, of std 1, multiplies from the left, and its second, of std 20, from the right."""
    impulse = torch.zeros(1, 3, 21, 21)
    impulse[..., 10, 10] = 1
    spread = DDRMBlur(shape="anisotropic").degrade(impulse)[0, 0]
    down, across = spread.sum(1), spread.sum(0)
    assert down[10] > 3 * down[8] and across[10] < 1.1 * across[7]


def test_ddrm_blur_is_black_beyond_the_border() -> None:
    corner = DDRMBlur().degrade(torch.ones(1, 3, 32, 32))[0, 0, 0, 0]
    assert corner.item() == pytest.approx((4 / 9) ** 2)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_shown_has_the_size_of_the_picture(task: Task) -> None:
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    operator: Operator | None = task.operator
    measurement = operator.measure(image, torch.Generator().manual_seed(0)) if operator else image
    view = shown(task, measurement, image.shape)
    assert view.shape == image.shape
    assert 0 <= view.min() <= view.max() <= 1
    assert measurement.isfinite().all()


def test_shown_copies_each_pixel_to_its_block() -> None:
    measurement = torch.rand(1, 3, 4, 4)
    view = shown(TASKS["sr4-noisy"], measurement, torch.Size((1, 3, 16, 16)))
    assert torch.equal(view[..., 5, 9], measurement[..., 1, 2])


def test_noise_is_on_the_unit_scale() -> None:
    flat = torch.full((1, 3, 256, 256), 0.5)
    for name, std in (("sr4-noisy", 0.05), ("denoise", 25 / 255), ("poisson", (0.5 / 255) ** 0.5)):
        operator = TASKS[name].operator
        assert operator is not None
        assert operator.measure(flat, torch.Generator().manual_seed(0)).std().item() == pytest.approx(std, rel=0.02)


def test_suites_name_tasks_and_methods_that_there_are() -> None:
    host = Host()
    for suite in SUITES.values():
        assert set(suite.tasks) <= set(TASKS)
        assert set(suite.more) <= set(suite.tasks)
        for spec in [*suite.methods, *(own for more in suite.more.values() for own in more)]:
            host.make("method", spec)


def test_known_gives_all_methods_settings_of_the_grid() -> None:
    """DreamClean too. Each the best of five, by pictures that are not the test's; and no task leaves a method out that can do it."""
    host, known = Host(), SUITES["known"]
    grid = {spec_text(host.make("method", spec)) for spec in SUITES["known-grid"].methods}
    prior = Mixture.around(torch.rand(1, 3, 8, 8))
    for task in known.tasks:
        own = [host.make("method", spec) for spec in known.more[task]]
        assert {spec_text(method) for method in own} <= grid
        rivals = [host.make("method", name) for name in ("diffpir", "pigdm", "dps", "red", "ddrm-jpeg")]
        able = {rival.name for rival in rivals if not rival.refuses(TASKS[task].operator, prior)}
        assert {method.name for method in own} - {"ddrm"} == able | {"dreamclean-known"}


def test_quick_has_every_task_and_every_method() -> None:
    host, quick = Host(), SUITES["quick"]
    degradations = {name for name, task in TASKS.items() if task.operator and not name.startswith("denoise-")}
    assert set(quick.tasks) == degradations - {"jpeg-10", "blur-mild", "clean"}  # of the suite "blind"
    named = {host.make("method", spec).name for spec in quick.methods}
    there = {e.name for e in host.collect() if e.kind == "method" and e.package == "dreamclean-bench"}
    assert named == there - {"network"}  # needs a file


def test_psnr_and_ssim_are_those_of_their_formulas() -> None:
    image = torch.full((1, 3, 32, 32), 0.5)
    assert psnr(image, image + 0.1) == pytest.approx(20, abs=1e-4)
    assert psnr(image, image) == float("inf")
    assert ssim(image, image) == pytest.approx(1)


def test_metrics_are_of_eight_bits() -> None:
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)).mul(255).round() / 255
    assert metrics(image + 0.001, image)["psnr"] == float("inf")
    assert metrics(image * 2, image)["psnr"] == pytest.approx(psnr((image * 2).clamp(max=1), image), abs=1e-4)


def test_lpips_of_an_image_with_itself_is_zero_and_grows_with_damage() -> None:
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    other = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert lpips(image, image) == 0
    assert 0 < lpips(image, image * 0.9) < lpips(image, other)


@pytest.mark.parametrize(("name", "distance"), [("p0", 0.7219), ("p1", 0.1376)])
def test_lpips_of_the_reference_implementations_pictures(name: str, distance: float) -> None:
    reference, other = (Picture.open(PICTURES / f"lpips_ex_{part}.png").pixels for part in ("ref", name))
    assert lpips(other, reference) == pytest.approx(distance, abs=1e-4)


def test_metrics_judge_phase_retrieval_the_nearer_way_round() -> None:
    """Magnitudes are those of the picture turned by 180 degrees too; a blurred one is never turned."""
    reference = Picture.open(next(PICTURES.glob("*.png"))).pixels
    operator = TASKS["phase-retrieval"].operator
    assert operator is not None
    torch.testing.assert_close(operator.degrade(reference.flip(-2, -1)), operator.degrade(reference))
    turned = reference.flip(-2, -1)
    assert torch.equal(settled(TASKS["phase-retrieval"], turned, reference), reference)
    assert torch.equal(settled(TASKS["phase-retrieval"], reference, reference), reference)
    assert torch.equal(settled(TASKS["denoise"], turned, reference), turned)
