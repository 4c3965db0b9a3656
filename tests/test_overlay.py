"""What lies over a picture, as a small network sees it."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean import Picture
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS
from dreamclean.builtin.planners.diagnosis.outliers import overlay
from dreamclean.builtin.planners.diagnosis.outliers.find import find_outliers
from dreamclean.builtin.planners.diagnosis.outliers.overlay import find_overlay, overlaid
from dreamclean.builtin.planners.diagnosis.outliers.overlay_network import OverlayNetwork

COFFEE = Picture.open(Path(__file__).parents[1] / "contrib/demo/coffee.png").pixels
SCENE = F.interpolate(COFFEE, scale_factor=0.5, mode="bicubic", antialias=True).clamp(0, 1).mul(255).round() / 255


@pytest.mark.parametrize(("kind", "seen", "right"), [("snow", 0.7, 0.6), ("rain", 0.7, 0.4), ("dust", 0.6, 0.35)])
def test_overlay_is_found_where_it_lies(kind: str, seen: float, right: float) -> None:
    made = KINDS[kind](SCENE, 1)
    found = find_overlay(made.shown)
    assert found is not None and made.lost is not None
    both = float((found.lost & made.lost).sum())
    assert both >= seen * float(made.lost.sum())
    assert both >= right * float(found.lost.sum())
    assert 0.5 <= found.sure <= 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.group == "clean"], ids=lambda kind: kind.name)
@pytest.mark.parametrize("seed", range(3))
def test_overlay_is_not_found_over_clean_pictures(kind: object, seed: int) -> None:
    assert find_overlay(kind(SCENE, seed).shown) is None  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["white", "grain", "jpeg", "blur", "haze", "halo", "faded"])
def test_overlay_is_not_found_over_other_damage(kind: str) -> None:
    assert find_overlay(KINDS[kind](SCENE, 1).shown) is None


def test_overlay_of_a_large_picture_is_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with what is around it, so that nothing is seen where two meet; only what they show of the whole differs."""
    snowy = KINDS["snow"](SCENE, 1).shown
    whole = overlaid(snowy)
    monkeypatch.setattr(overlay, "SIDE", 80)
    parts = overlaid(snowy)
    assert parts.shape == whole.shape
    assert float(((parts > 0.5) ^ (whole > 0.5)).float().mean()) < 0.005
    monkeypatch.setattr(overlay, "REACH", 0)
    assert float(((overlaid(snowy) > 0.5) ^ (whole > 0.5)).float().mean()) > 2 * float(
        ((parts > 0.5) ^ (whole > 0.5)).float().mean()
    )


def test_overlay_lies_where_the_picture_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network runs on the CPU, the picture may be on a GPU."""
    monkeypatch.setattr(overlay, "overlaid", lambda x: torch.ones(1, 1, *x.shape[-2:]))
    found = find_overlay(torch.empty(1, 3, 96, 96, device="meta"))
    assert found is not None and found.lost.device.type == "meta"


def test_overlay_of_a_large_picture_is_first_looked_for_in_four_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def look(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape[-2:]))
        return torch.zeros(1, 1, *x.shape[-2:])

    monkeypatch.setattr(overlay, "overlaid", look)
    assert find_overlay(torch.rand(1, 3, 640, 700)) is None
    assert seen == [(256, 256)] * 4


@pytest.mark.parametrize(("height", "width"), [(33, 47), (64, 65), (3, 90)])
def test_overlay_network_answers_for_every_pixel(height: int, width: int) -> None:
    assert OverlayNetwork()(torch.rand(2, 3, height, width)).shape == (2, 1, height, width)


def test_snow_is_an_outlier_that_a_prior_confirms() -> None:
    made = KINDS["snow"](SCENE, 3)
    found = find_outliers(made.shown, lambda picture, std: made.clean)
    assert found is not None
    assert found.words().startswith("rain, snow or specks (")
    assert find_outliers(made.shown, lambda picture, std: made.shown) is None
