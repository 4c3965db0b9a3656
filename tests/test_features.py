"""The features of a noise estimate: on noise and blocks whose statistics are known exactly."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.features import NAMES, features

LAGS = ("1", "2", "4", "8", "the diagonal")


def white(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def feature(name: str, eps: Tensor) -> Tensor:
    return features(eps)[:, NAMES.index(name)]


def test_features_of_white_noise() -> None:
    """Width 1, no correlation, a normal distribution's kurtosis, no period, alike in every block."""
    eps = white(2, 3, 256, 256)
    assert features(eps).shape == (2, len(NAMES)) == (2, 16)
    assert feature("log rms", eps).abs().max() < 0.01
    assert (feature("log rms", 2 * eps) - math.log(2)).abs().max() < 0.01
    for lag in LAGS:
        assert feature(f"correlation at {lag}", eps).abs().max() < 0.01
    assert (feature("log kurtosis", eps) - math.log(3)).abs().max() < 0.02
    for period in (2, 3, 4, 8):
        assert feature(f"log period {period}", eps).abs().max() < 0.05
    for quantile in ("lowest tenth", "half", "highest tenth"):
        assert feature(f"log rms, {quantile} of blocks", eps).abs().max() < 0.06


def test_features_of_correlated_noise() -> None:
    """The mean of 2 x 2 neighbours shares half of them with the next one, a quarter with the diagonal one."""
    eps = F.avg_pool2d(white(1, 3, 257, 257), 2, stride=1)
    for lag, expected in zip(LAGS, (0.5, 0, 0, 0, 0.25), strict=True):
        assert float(feature(f"correlation at {lag}", eps)) == pytest.approx(expected, abs=0.02)
    assert float(feature("log rms", eps)) == pytest.approx(math.log(0.5), abs=0.01)
    rows = F.avg_pool2d(white(1, 3, 256, 260), (1, 5), stride=1)  # along the rows 1 - lag / 5, down the columns none
    for lag, expected in zip(LAGS, (0.4, 0.3, 0.1, 0, 0), strict=True):
        assert float(feature(f"correlation at {lag}", rows)) == pytest.approx(expected, abs=0.02)
    diagonal = white(1, 3, 200, 200)
    diagonal = diagonal + diagonal.roll((1, -1), (-2, -1))  # down to the left: the other diagonal
    assert float(feature("correlation at the diagonal", diagonal)) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("down, right", [(0, 0), (3, 5), (7, 1)])
def test_features_see_blocks_wherever_they_begin(down: int, right: int) -> None:
    blocks = white(1, 3, 16, 16).repeat_interleave(8, -1).repeat_interleave(8, -2) + 0.1 * white(1, 3, 128, 128, seed=1)
    assert float(feature("log period 8", blocks.roll((down, right), (-2, -1)))) > 1.5
    others = white(1, 3, 20, 20).repeat_interleave(5, -1).repeat_interleave(5, -2) + 0.1 * white(1, 3, 100, 100, seed=1)
    assert float(feature("log period 8", others.roll((down, right), (-2, -1)))) < 0.4


def test_features_of_colour_are_what_luma_leaves() -> None:
    """Of independent channels: luma has the variance sum w^2, colour the rest, 1 - 2/3 + sum w^2 for a channel."""
    luma = 0.299**2 + 0.587**2 + 0.114**2
    expected = math.log((1 / 3 + luma) / luma)
    assert float(feature("log colour over luma", white(1, 3, 256, 256))) == pytest.approx(expected, abs=0.02)
    assert float(feature("log colour over luma", white(1, 1, 64, 64).expand(1, 3, 64, 64))) < -10
    smooth = F.avg_pool2d(white(1, 3, 65, 65), 2, stride=1)
    assert float(feature("colour correlation", smooth)) == pytest.approx(0.5, abs=0.05)


def test_features_are_those_of_each_image() -> None:
    batch = torch.stack(
        [
            white(3, 40, 56),
            3 * white(3, 40, 56, seed=1),
            torch.rand(3, 40, 56, generator=torch.Generator().manual_seed(2)),
        ]
    )
    assert torch.allclose(features(batch), torch.cat([features(eps[None]) for eps in batch]), atol=1e-5)
    assert (features(batch)[0] - features(batch)[1])[0].abs() > 1


def test_features_of_four_channels() -> None:
    eps = white(2, 4, 128, 128)
    assert feature("log rms", eps).abs().max() < 0.01
    assert feature("log colour over luma", eps[:, :1].expand(-1, 4, -1, -1)).max() < -10
    assert feature("log colour over luma", eps).min() == pytest.approx(math.log(3), abs=0.05)  # the mean has 1/4
