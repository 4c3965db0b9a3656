"""Outliers: found where they are, and nothing found in clean pictures; the prior's opinion; the noise of what is left."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean import DDPMSchedule, Level, Model, Picture
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS
from dreamclean.builtin.planners.diagnosis.outliers import find, local, overlay
from dreamclean.builtin.planners.diagnosis.outliers.find import Outliers, find_outliers
from dreamclean.builtin.planners.diagnosis.outliers.local import Finding, in_bands, median, sorted_middle
from dreamclean.builtin.planners.diagnosis.outliers.noise import noise_outside
from dreamclean.builtin.planners.diagnosis.outliers.opinion import asking, unexpected
from dreamclean.builtin.planners.diagnosis.outliers.scratches import find_scratches

COFFEE = Picture.open(Path(__file__).parents[1] / "contrib/demo/coffee.png").pixels
SMALL = F.interpolate(COFFEE, scale_factor=0.5, mode="bicubic", antialias=True).clamp(0, 1).mul(255).round() / 255


def smooth(picture: Tensor, std: float) -> Tensor:
    """A prior of smooth pictures: a mean over 5 x 5."""
    return F.avg_pool2d(F.pad(picture, (2, 2, 2, 2), mode="reflect"), 5, 1)


def found(kind: str, **settings: float) -> tuple[Outliers | None, Tensor, float, float]:
    """What is found, what is lost, and the shares: of the lost pixels found, and of the found pixels lost."""
    made = KINDS[kind].make(SMALL, 2, **settings)
    assert made.lost is not None
    outliers = find_outliers(made.shown)
    if outliers is None:
        return None, made.lost, 0.0, 0.0
    both = (outliers.lost & made.lost).sum()
    return outliers, made.lost, float(both / made.lost.sum()), float(both / outliers.lost.sum())


@pytest.mark.parametrize(
    ("kind", "settings", "name", "recall"),
    [
        ("salt-and-pepper", {"share": 0.06}, "salt and pepper", 0.9),
        ("salt-and-pepper", {"share": 0.02}, "salt and pepper", 0.9),
        ("salt-and-pepper", {"share": 0.1}, "salt and pepper", 0.85),
        ("random-impulses", {"share": 0.06}, "impulses", 0.75),
        ("dead-pixels", {"lines": 0, "pixels": 40}, "dead pixels", 0.85),
        ("dead-pixels", {"lines": 2, "pixels": 0}, "dead lines", 0.95),
        ("scratches", {"count": 6, "std": 8.0}, "scratches", 0.85),
        ("dust", {"std": 0.0}, "specks", 0.6),
        ("date", {"std": 3.0}, "stamped date", 0.9),
    ],
)
def test_find_outliers_finds(kind: str, settings: dict[str, float], name: str, recall: float) -> None:
    outliers, _, hit, right = found(kind, **settings)
    assert outliers is not None
    assert name in outliers.kinds
    assert hit >= recall
    assert right >= 0.8
    assert outliers.sure > 0.5


@pytest.mark.parametrize(("right", "finds"), [(0.3, True), (0.36, True), (0.6, False)])
def test_white_lines_are_scratches_where_both_sides_are_alike(right: float, finds: bool) -> None:
    """Along an edge they are what sharpening draws."""
    x = torch.full((1, 3, 96, 96), 0.3) + 0.01 * torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    for column in (20, 60):
        x[..., column : column + 20] += right - 0.3
        x[..., 8:88, column] = 1.0
    assert (find_scratches(x) is not None) == finds
    bar = torch.zeros(1, 3, 50, 96)
    assert (find_scratches(torch.cat([bar, x, bar], 2)) is not None) == finds  # a film between bars is no drawing


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.group == "clean"], ids=lambda kind: kind.name)
@pytest.mark.parametrize("seed", range(3))
def test_find_outliers_leaves_clean_pictures_alone(kind: object, seed: int) -> None:
    assert find_outliers(kind(SMALL, seed).shown) is None  # type: ignore[operator]


@pytest.mark.parametrize(
    "kind",
    [
        "white",
        "grey-noise",
        "halo",
        "poisson",
        "camera",
        "grain",
        "jpeg",
        "enlarged",
        "blur",
        "faded",
        "haze",
        "banding",
    ],
)
def test_find_outliers_leaves_other_damage_alone(kind: str) -> None:
    assert find_outliers(KINDS[kind](SMALL, 1).shown) is None


def test_find_outliers_leaves_the_rules_of_windows_alone() -> None:
    """They are thin, white and sharp as scratches are, and one in five screenshots has enough of them."""
    empty = torch.zeros(1, 3, 160, 160)
    assert not any(find_outliers(KINDS["screenshot"](empty, seed).shown) for seed in range(25))


@pytest.mark.parametrize("std", [15.0, 25.0, 50.0])
def test_find_outliers_is_not_taken_in_by_grey_noise(std: float) -> None:
    """Its tails are longer than those of three channels together, and some neighbours agree by luck."""
    assert find_outliers(KINDS["grey-noise"].make(SMALL, 1, std=std).shown) is None


def test_find_outliers_of_a_picture_too_small_or_of_one_tone() -> None:
    assert find_outliers(KINDS["salt-and-pepper"](SMALL[..., :24, :24], 1).shown) is None
    for tone in (0.0, 0.5, 1.0):
        assert find_outliers(torch.full((1, 3, 64, 64), tone)) is None


def test_find_outliers_turns_with_the_picture() -> None:
    made = KINDS["dead-pixels"].make(SMALL, 3)
    upright, turned = find_outliers(made.shown), find_outliers(made.shown.transpose(-1, -2))
    assert upright is not None and turned is not None
    assert float((upright.lost ^ turned.lost.transpose(-1, -2)).float().mean()) < 0.002


def test_outliers_make_an_operator_that_says_the_noise() -> None:
    made = KINDS["scratches"].make(SMALL, 1, std=10.0)
    outliers = find_outliers(made.shown)
    assert outliers is not None
    assert outliers.noise * 255 == pytest.approx(10, rel=0.2)
    assert outliers.operator.noise == pytest.approx(outliers.noise, rel=1e-3)
    assert torch.equal(outliers.operator.known(*SMALL.shape[-2:]), (~outliers.lost).float())
    assert outliers.words().startswith("scratches (")


def test_find_outliers_believes_a_prior_that_expects_what_is_there() -> None:
    """The prior looks at the picture without the lost pixels; where it expects them as they are, nothing is lost."""
    made = KINDS["salt-and-pepper"].make(SMALL, 2, share=0.06)
    assert find_outliers(made.shown, lambda picture, std: made.shown) is None
    assert find_outliers(made.shown, smooth) is not None


def test_a_prior_confirms_each_finding_on_its_own() -> None:
    dated = KINDS["date"].make(SMALL, 2, std=3.0)
    both = KINDS["salt-and-pepper"].make(dated.shown, 2, share=0.01)
    alone, asked = find_outliers(both.shown), find_outliers(both.shown, lambda picture, std: dated.shown)
    assert dated.lost is not None and both.lost is not None and alone is not None and asked is not None
    assert alone.kinds == ("salt and pepper", "stamped date")
    assert asked.kinds == ("salt and pepper",)
    assert not (asked.lost & dated.lost & ~both.lost).any()
    assert float((asked.lost & both.lost).sum() / both.lost.sum()) > 0.9


def at(*places: tuple[int, int]) -> Tensor:
    lost = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    for row, column in places:
        lost[0, 0, row, column] = True
    return lost


def test_a_finding_that_is_not_believed_is_not_carried_by_one_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do its pixels come back because they are odd to the prior: they were filled in."""
    clean = torch.full((1, 3, 64, 64), 0.5)
    sure, doubtful = at(*((3 * k, 5) for k in range(20))), at(*((3 * k, 40) for k in range(20)))
    shown = torch.where(sure | doubtful, 1.0, clean)
    kinds = {"salt and pepper": (sure, 0.95), "rain, snow or specks": (doubtful, 0.6)}
    finders = [lambda x, kind=kind, said=said: Finding(kind, *said) for kind, said in kinds.items()]
    monkeypatch.setattr(find, "FINDERS", finders)
    expected = torch.where(doubtful & (torch.arange(64).view(1, 1, 64, 1) > 45), shown, clean)  # a quarter of them
    outliers = find_outliers(shown, lambda picture, std: expected)
    assert outliers is not None and outliers.kinds == ("salt and pepper",)
    assert outliers.lost.equal(sure)


def test_dead_pixels_are_confirmed_where_they_are_evident() -> None:
    """Black and white pixels of a texture are its own, and there may be many more of them."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.linspace(0.4, 0.6, 192).expand(1, 3, 192, 192).clone()
    texture = torch.rand(1, 1, 96, 192, generator=generator)
    clean[..., :96, :] = torch.where((texture - 0.5).abs() > 0.46, texture.round(), 0.2 + 0.6 * texture)
    dead = torch.zeros(1, 1, 192, 192, dtype=torch.bool)
    dead[0, 0, 100:188:16, 4:188:36] = True
    outliers = find_outliers(torch.where(dead, 1.0, clean), lambda picture, std: clean)
    assert outliers is not None and outliers.kinds == ("dead pixels",)
    assert outliers.lost.equal(dead)


def test_find_overlay_of_a_picture_of_which_only_the_parts_looked_at_first_have_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overlay, "overlaid", lambda x: torch.full((1, 1, *x.shape[2:]), float(x.shape[-1] < 600)))
    assert overlay.find_overlay(torch.rand(1, 3, 300, 600)) is None


def test_unexpected_is_the_same_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    made = KINDS["salt-and-pepper"].make(SMALL, 2, share=0.06)
    assert made.lost is not None
    few = made.lost & (torch.rand(made.lost.shape, generator=torch.Generator().manual_seed(0)) < 0.5)
    whole = unexpected(made.shown, few, 0.0, smooth)
    monkeypatch.setattr(local, "_BAND", 16)
    assert whole.any() and unexpected(made.shown, few, 0.0, smooth).equal(whole)


def test_find_outliers_completes_impulses_with_a_prior() -> None:
    made = KINDS["random-impulses"].make(SMALL, 2, share=0.06)
    assert made.lost is not None
    alone, helped = find_outliers(made.shown), find_outliers(made.shown, lambda picture, std: made.clean)
    assert alone is not None and helped is not None
    wrong = [float((outliers.lost ^ made.lost).float().mean()) for outliers in (alone, helped)]
    assert wrong[1] < 0.8 * wrong[0]


@pytest.mark.parametrize("count", [8, 9])
def test_sorted_middle_is_the_lower_median(count: int) -> None:
    values = torch.rand(3, count, 5)
    assert sorted_middle(values, 1).equal(values.median(1).values)


def test_unexpected_asks_once_at_the_noise_or_more() -> None:
    asked: list[tuple[Tensor, float]] = []

    def ask(picture: Tensor, std: float) -> Tensor:
        asked.append((picture, std))
        return picture

    lost = torch.zeros_like(SMALL[:, :1], dtype=torch.bool)
    lost[..., 50, 60] = True
    x = SMALL.clone()
    x[..., 50, 60] = 1 - x[..., 50, 60].round()
    alone = lost.clone()
    odd = unexpected(x, lost, 0.2, ask)
    assert [std for _, std in asked] == [0.2]
    assert (asked[0][0] - SMALL).abs()[..., 50, 60].max() < 0.3, "the prior does not see what is lost"
    odd_of_a_clean_scan = unexpected(x, lost, 0.0, ask)
    assert asked[1][1] >= 0.05
    assert odd.equal(alone) and odd_of_a_clean_scan.equal(alone)


def test_asking_puts_the_picture_at_the_level_of_the_noise() -> None:
    seen: list[tuple[Tensor, Level]] = []

    def predict(x: Tensor, level: Level) -> Tensor:
        seen.append((x, level))
        return torch.zeros_like(x)

    image = torch.rand(1, 3, 8, 8)
    answer = asking(Model(DDPMSchedule.linear(), predict))(image, 0.1)
    torch.testing.assert_close(answer, image)
    x, level = seen[0]
    assert level.ratio == pytest.approx(0.2, rel=0.1)
    torch.testing.assert_close(x, level.alpha * (image * 2 - 1))


@pytest.mark.parametrize("std", [4.0, 10.0, 25.0])
def test_noise_outside_is_of_the_pixels_that_are_left(std: float) -> None:
    noisy = KINDS["white"].make(SMALL, 1, std=std).shown
    lost = torch.rand((1, 1, *SMALL.shape[-2:]), generator=torch.Generator().manual_seed(0)) < 0.03
    broken = torch.where(lost, torch.full_like(noisy, 0.99), noisy)
    assert noise_outside(broken, lost) * 255 == pytest.approx(std, rel=0.25)


def test_noise_outside_of_what_has_none() -> None:
    flat = torch.linspace(0.2, 0.8, 96).expand(1, 3, 96, 96).mul(255).round() / 255
    assert noise_outside(flat, torch.zeros(1, 1, 96, 96, dtype=torch.bool)) == 0


def strewn(share: float, seed: int = 0) -> Tensor:
    """A random mask of the size of SMALL, True where a pixel is lost."""
    return torch.rand((1, 1, *SMALL.shape[-2:]), generator=torch.Generator().manual_seed(seed)) < share


@pytest.mark.parametrize("share", [0.08, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_find_outliers_finds_what_is_missing_all_over(share: float, fill: float) -> None:
    outliers = find_outliers(torch.where(strewn(share), torch.full_like(SMALL, fill), SMALL))
    assert outliers is not None and outliers.kinds == ("missing pixels",)
    assert float((outliers.lost ^ strewn(share)).float().mean()) < 0.002


def test_find_outliers_finds_dense_salt_and_pepper() -> None:
    made = KINDS["salt-and-pepper"].make(SMALL, 2, share=0.6)
    outliers = find_outliers(made.shown)
    assert outliers is not None and made.lost is not None and outliers.kinds == ("salt and pepper",)
    assert float((outliers.lost ^ made.lost).float().mean()) < 0.002


@pytest.mark.parametrize("std", [6.0, 13.0])
def test_find_outliers_finds_what_is_missing_under_noise(std: float) -> None:
    """Noise that came over the mask makes the missing nearly black."""
    noise = std / 255 * torch.randn(SMALL.shape, generator=torch.Generator().manual_seed(1))
    shown = (torch.where(strewn(0.5), torch.zeros_like(SMALL), SMALL) + noise).clamp(0, 1).mul(255).round() / 255
    alone, helped = find_outliers(shown), find_outliers(shown, lambda picture, std: SMALL)
    assert alone is not None and helped is not None and helped.kinds == ("missing pixels",)
    assert float((helped.lost & strewn(0.5)).sum() / strewn(0.5).sum()) > 0.998
    assert helped.noise * 255 == pytest.approx(std, rel=0.25)


@pytest.mark.parametrize("levels", [3, 4])
def test_find_outliers_leaves_dithered_pictures_alone(levels: int) -> None:
    """Their tones are strewn over them too, but each is near what is around it, or there is nothing else."""
    threshold = torch.rand((1, 1, *SMALL.shape[-2:]), generator=torch.Generator().manual_seed(0))
    assert find_outliers((SMALL * (levels - 1) + threshold).floor().clamp(0, levels - 1) / (levels - 1)) is None


def test_find_outliers_leaves_clipped_noise_alone() -> None:
    """In the dark half of it is black, each pixel by itself."""
    noise = 0.2 * torch.randn((1, 1, *SMALL.shape[-2:]), generator=torch.Generator().manual_seed(1))
    for picture in (SMALL * 0.1, torch.zeros_like(SMALL)):
        assert find_outliers((picture + noise).clamp(0, 1).mul(255).round() / 255) is None


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_noise_outside_of_pixels_that_are_few(share: float) -> None:
    noisy = KINDS["white"].make(SMALL, 1, std=20.0).shown
    assert noise_outside(
        torch.where(strewn(share), torch.zeros_like(noisy), noisy), strewn(share)
    ) * 255 == pytest.approx(20, rel=0.25)


def test_in_bands_is_as_at_once() -> None:
    x = torch.rand(1, 1, 600, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(in_bands(lambda part: median(part, 5), x, 4), median(x, 5))
