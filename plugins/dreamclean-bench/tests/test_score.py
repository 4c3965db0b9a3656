"""``dreamclean bench score``: folders of pictures that any program restored."""

from pathlib import Path
from typing import Any

import pytest
import torch
from dreamclean_bench import score
from dreamclean_bench.cli import bench
from dreamclean_bench.metrics import metrics
from dreamclean_bench.score import METRICS, Metric, frechet, scores
from PIL import Image
from typer.testing import CliRunner

from dreamclean import DreamCleanError, Picture
from dreamclean.testing import pictures


def drawn(height: int, width: int) -> torch.Tensor:
    return pictures((height, width))[:1]


def save(pixels: torch.Tensor, path: Path) -> None:
    Image.fromarray((pixels[0].movedim(0, -1) * 255).round().byte().numpy()).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three results, blurred along the rows, and their references."""
    for name in ("results", "references"):
        (tmp_path / name).mkdir()
    for k in range(3):
        clean = drawn(64, 64).roll(8 * k, 2)
        save(clean, tmp_path / "references" / f"{k}.png")
        save((clean + clean.roll(1, 3)) / 2, tmp_path / "results" / f"{k}.png")
    return tmp_path / "results", tmp_path / "references"


def run(*args: Any) -> Any:
    return CliRunner().invoke(bench, ["score", *map(str, args)])


def test_scores_are_the_benchs_own(folders: tuple[Path, Path], tmp_path: Path) -> None:
    results, references = folders
    done = run(results, "--references", references, "-o", tmp_path / "scores.csv")
    assert done.exit_code == 0, done.output
    rows = (tmp_path / "scores.csv").read_text().splitlines()
    assert rows[0] == "picture,psnr,ssim,lpips" and len(rows) == 4
    a, b = (Picture.open(folder / "1.png").pixels for folder in folders)
    expected = metrics(a, b)
    assert [float(v) for v in rows[2].split(",")[1:]] == pytest.approx([expected[k] for k in ("psnr", "ssim", "lpips")])
    means = [sum(float(row.split(",")[1]) for row in rows[1:]) / 3]
    assert f"{means[0]:.4f}" in done.output


def test_a_metric_without_reference_needs_none(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "arniqa", Metric("brightness", lambda: lambda x: x.mean(), alone=True))
    done = run(folders[0])
    assert done.exit_code == 0 and done.output.startswith("arniqa ")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--metrics", "psnr"], "psnr compares with clean pictures"),
        (["--metrics", "nonsense"], "there is no metric 'nonsense'"),
        (["--metrics", "fid"], "fid compares with clean pictures"),
    ],
)
def test_what_cannot_be_scored_is_said(folders: tuple[Path, Path], args: list[str], message: str) -> None:
    done = run(folders[0], *args)
    assert isinstance(done.exception, DreamCleanError) and message in str(done.exception)


def test_a_result_without_a_partner_or_of_another_size_is_said(folders: tuple[Path, Path]) -> None:
    results, references = folders
    paths = {path.stem: path for path in references.iterdir()}
    with pytest.raises(DreamCleanError, match=r"0\.png has no reference"):
        scores([results / "0.png"], {}, ["psnr"])
    save(drawn(32, 64), references / "0.png")
    with pytest.raises(DreamCleanError, match="64 x 64 and 64 x 32"):
        scores([results / "0.png"], paths, ["psnr"])


def test_a_metric_that_is_not_installed_names_the_extra(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any) -> Any:
        raise ModuleNotFoundError("no torchvision")

    monkeypatch.setitem(METRICS, "dists", Metric("", lambda: missing))
    with pytest.raises(DreamCleanError, match=r"dreamclean-bench\[perceptual\]"):
        scores([folders[0] / "0.png"], {"0": folders[1] / "0.png"}, ["dists"])


class Colours(torch.nn.Module):
    """Mean colours as features."""

    num_features = 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.double().mean((2, 3))


def test_frechet_distance_is_that_of_two_gaussians(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Mean colours that differ by d in each channel and vary alike are 3 d^2 apart."""
    results, references = (sorted(folder.iterdir()) for folder in folders)
    with pytest.raises(DreamCleanError, match="fid of 3 pictures"):
        frechet(results, references)
    monkeypatch.setattr(score, "FEWEST", 3)
    brighter = []
    for path in references:
        x = Picture.open(path).pixels * 0.5
        save(x, path)
        brighter.append(path.with_name(f"brighter-{path.name}"))
        save(x + 0.2, brighter[-1])
    assert frechet(brighter, references, Colours()) == pytest.approx(3 * 0.2**2, rel=0.02)


def test_lpips_of_a_picture_too_small_for_it_is_one_line() -> None:
    assert metrics(drawn(31, 40), drawn(31, 40))["lpips"] < 1e-3
    with pytest.raises(DreamCleanError, match="LPIPS needs pictures of 31 x 31 pixels or more"):
        metrics(drawn(30, 40), drawn(30, 40))
