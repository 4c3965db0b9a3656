"""Where latents lie: -1/N log q(x_t | x_0) is the entropy for latents of the training kind, and for no others."""

import csv
import io
import math
from pathlib import Path

import pytest
import torch
import typer
from dreamclean_bench.cli import bench
from dreamclean_bench.latents import (
    CLEAN,
    WITH,
    WITHOUT,
    Curves,
    curves,
    entropy,
    latents,
    negative_log_probability,
    trajectories,
)
from dreamclean_bench.latents_figures import as_csv, draw_curves, draw_latents
from PIL import Image
from torch import Tensor

from dreamclean import VPS, DreamCleanError, Evaluator, Latent, Level, Mixture, PixelCodec
from dreamclean.testing import loaded

LEVELS = [Level(300, 0.628, 0.778), Level(100, 0.946, 0.324), Level(10, 0.999, 0.045)]
SHAPE = (4, 3, 64, 64)
SAMPLING = 5 / math.sqrt(2 * 3 * 64 * 64)
"""Five standard deviations of -1/N log q over latents of the training kind."""


def draw(seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("level", LEVELS)
def test_latent_of_the_training_kind_lies_at_the_entropy(level: Level) -> None:
    x0 = draw(0, 0.5)
    found = negative_log_probability(level.alpha * x0 + level.sigma * draw(1), x0, level)
    assert found.shape == (4,)
    assert (found - entropy(level)).abs().max() < SAMPLING


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("scale", [1.2, 0.8])
def test_latent_with_noise_of_another_variance_is_off_by_half_of_its_excess(level: Level, scale: float) -> None:
    x0 = draw(0, 0.5)
    found = negative_log_probability(level.alpha * x0 + level.sigma * draw(1, scale), x0, level)
    assert (found - entropy(level) - (scale**2 - 1) / 2).abs().max() < SAMPLING * scale**2


def test_negative_log_probability_is_the_density_of_a_normal_distribution() -> None:
    level, x0, x = LEVELS[1], draw(0).double(), draw(1).double()
    expected = -torch.distributions.Normal(level.alpha * x0, level.sigma).log_prob(x).flatten(1).mean(1)
    assert torch.allclose(negative_log_probability(x, x0, level), expected, rtol=1e-12)
    assert entropy(level) == pytest.approx(torch.distributions.Normal(0.0, level.sigma).entropy().item(), rel=1e-6)


@pytest.fixture
def prior(tmp_path: Path) -> tuple[Mixture, Tensor]:
    """A prior that knows one picture and no other, and that picture in model space: its estimate of eps is exact."""
    folder = tmp_path / "one"
    folder.mkdir()
    pixels = torch.randint(0, 256, (64, 64, 3), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    Image.fromarray(pixels.numpy()).save(folder / "a.png")
    made = Mixture(path=str(folder), std=1e-4)
    return made, PixelCodec().encode(pixels.permute(2, 0, 1)[None] / 255)


@pytest.mark.parametrize("scale", [1.3, 0.7])
def test_vps_brings_a_latent_of_the_wrong_variance_nearer(prior: tuple[Mixture, Tensor], scale: float) -> None:
    """Every step of VPS shrinks the excess of the variance by (1 - gamma)^2."""
    made, x0 = prior
    level, generator = made.schedule.at(200), torch.Generator().manual_seed(5)
    x = level.alpha * x0 + level.sigma * scale * torch.randn(x0.shape, generator=generator)

    def off(x: Tensor) -> float:
        return negative_log_probability(x, x0, level).item() - entropy(level)

    before, gamma, steps = off(x), 0.1, 10
    after = off(
        VPS(gamma=gamma, repeats=steps)(
            Latent(x, level), Evaluator(loaded(made)).denoise, lambda like: torch.randn(like.shape, generator=generator)
        ).x
    )
    assert abs(before - (scale**2 - 1) / 2) < 2 * SAMPLING
    assert abs(after - before * (1 - gamma) ** (2 * steps)) < 2 * SAMPLING
    assert abs(after) < abs(before) / 4


def two_curves() -> Curves:
    """Two images at two levels; the ways are off H by 0 and 0, 0.1 and 0.3, 1 and 2."""
    made = Curves(LEVELS[:2])
    for way, offs in {CLEAN: (0.0, 0.0), WITHOUT: (0.1, 0.3), WITH: (1.0, 2.0)}.items():
        made.values[way] = [[entropy(level) + off for level in LEVELS[:2]] for off in offs]
    return made


def test_curves_are_means_and_standard_errors_over_images() -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(two_curves()))))
    assert [float(line["t"]) for line in lines] == [300, 100]
    assert [line["images"] for line in lines] == ["2", "2"]
    for line, level in zip(lines, LEVELS[:2], strict=True):
        assert float(line["entropy"]) == pytest.approx(entropy(level))
        assert float(line[f"{WITHOUT}: mean"]) == pytest.approx(entropy(level) + 0.2)
        assert float(line[f"{WITHOUT}: difference"]) == pytest.approx(0.2)
        assert float(line[f"{WITHOUT}: error"]) == pytest.approx(0.1)
        assert float(line[f"{WITH}: difference"]) == pytest.approx(1.5)


def test_curves_of_latents_go_by_image_and_level() -> None:
    x0, seen = draw(0), [(level, level.alpha * draw(0) + level.sigma * draw(1)) for level in LEVELS]
    found = curves(x0, {CLEAN: seen})
    assert found.levels == LEVELS
    assert [len(image) for image in found.values[CLEAN]] == [3] * 4
    assert found.values[CLEAN][2][1] == negative_log_probability(seen[1][1], x0, LEVELS[1])[2].item()
    found.add(found)
    assert len(found.values[CLEAN]) == 8


def test_draw_curves_has_legible_words_in_both_forms() -> None:
    drawn = draw_curves(two_curves(), "a title")
    assert drawn == draw_curves(two_curves(), "a title")
    assert Image.open(io.BytesIO(drawn["png"])).size[0] > 1000
    text = drawn["svg"].decode()
    words = [line.strip()[5:-4] for line in text.splitlines() if line.strip().startswith("<!-- ")]
    assert {"a title", "t", "entropy H", CLEAN, WITHOUT, WITH, "-1/N log q(x_t | x_0) in nats"} <= set(words)
    assert not [word for word in words if "$" in word or "\\" in word]


def test_trajectories_are_three_from_the_top_down(mixture: str) -> None:
    clean, degraded = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    ways = trajectories(clean, degraded, mixture, [0], gamma=0.3, strength=300, steps=6, device="cpu")
    assert list(ways) == [CLEAN, WITHOUT, WITH]
    times = [level.t for level, _ in ways[CLEAN]]
    assert times == sorted(times, reverse=True) and times[0] == 300 and len(times) > 3
    assert all([level.t for level, _ in seen] == times for seen in ways.values())
    assert all(x.shape == clean.shape and x.isfinite().all() for seen in ways.values() for _, x in seen)
    assert not torch.equal(ways[WITHOUT][0][1], ways[WITH][0][1])
    again = trajectories(clean, degraded, mixture, [0], gamma=0.3, strength=300, steps=6, device="cpu")
    assert all(torch.equal(a, b) for way in ways for (_, a), (_, b) in zip(ways[way], again[way], strict=True))


def test_draw_latents_has_the_input_the_clean_picture_and_the_levels(
    prior: tuple[Mixture, Tensor],
) -> None:
    made, x0 = prior
    seen = [(made.schedule.at(t), x0) for t in (300, 200, 100, 50)]
    red, green = (torch.zeros(1, 3, 64, 64).index_fill(1, torch.tensor(channel), 1.0) for channel in (0, 1))
    data = draw_latents(green, red, {WITHOUT: seen, WITH: seen}, loaded(made), torch.device("cpu"), columns=3)
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    assert picture.width == 2 * 8 + 4 * (192 + 6) - 6
    places = [(8 + 96, 29 + row * (192 + 17 + 6) + 96) for row in range(4)]
    assert [picture.getpixel(place) for place in places] == [
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 255),
        (255, 255, 255),
    ]


def command(*arguments: object) -> object:
    app = typer.Typer()
    app.add_typer(bench, name="bench")
    return app(["bench", *map(str, arguments)], standalone_mode=False)


def test_latents_command_writes_its_files(
    photos: Path, mixture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    command("latents", "--images", photos, "--prior", mixture, "--size", 32, "--limit", 2, "-o", folder)
    names = ["latents.csv", "latents-curves.svg", "latents-curves.png", "latents-pictures.png"]
    assert capsys.readouterr().out.splitlines() == [str(folder / name) for name in names]
    lines = list(csv.DictReader((folder / "latents.csv").open()))
    assert {line["images"] for line in lines} == {"2"}
    assert all(float(line["sigma"]) > 0 for line in lines)
    assert all(math.isfinite(float(line[f"{way}: difference"])) for line in lines for way in (CLEAN, WITHOUT, WITH))


@pytest.mark.parametrize("task", ["phase-retrieval", "rain"])
def test_latents_refuse_a_task_without_a_picture(tmp_path: Path, task: str) -> None:
    with pytest.raises(DreamCleanError, match=f"task {task} makes no picture that could be inverted; choose another"):
        latents([torch.rand(3, 32, 32)], task, None, tmp_path)


def test_latents_without_pictures_or_with_a_folder_in_the_way_are_one_line(mixture: str, tmp_path: Path) -> None:
    with pytest.raises(DreamCleanError, match="there are no pictures to look at"):
        latents([], "sr4-noisy", mixture, tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DreamCleanError, match=r"could not be written .*; choose another folder"):
        latents([torch.rand(3, 32, 32)], "denoise", mixture, tmp_path / "file", steps=3)
