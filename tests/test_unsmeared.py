"""The spectrum of a noise, freed of the window of the blocks that it was measured in."""

import pytest
import torch
from torch import Tensor

from dreamclean.builtin.noise.spectrum import CORNER, correlated, gaussian
from dreamclean.builtin.noise.stationary import Stationary
from dreamclean.builtin.planners.diagnosis.noise_features import band_power
from dreamclean.builtin.planners.diagnosis.unsmeared import NODES, unsmeared

F = torch.linspace(0, CORNER, NODES, dtype=torch.float64)


def seen(blur: float) -> Tensor:
    """The mean power in bands of noise of standard deviation 1, blurred: measured on a megapixel of it."""
    table = gaussian(1.0, blur, correlated(0.0))
    white = torch.randn(1, 3, 1024, 1024, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return band_power(Stationary(table).function(white, torch.sqrt)[0].float()).mean((0, 1)).double()


@pytest.mark.parametrize("blur", [0.7, 1.0, 1.5])
def test_unsmeared_finds_the_spectrum_of_grain_down_to_the_lowest_frequencies(blur: float) -> None:
    """Where it is loudest; the bands alone are up to a third too low there, in standard deviation."""
    found = unsmeared(seen(blur)).sqrt()
    expected = torch.exp(-2 * (torch.pi * blur * F) ** 2) * gaussian(1.0, blur, correlated(0.0))[0, 0, 0].sqrt()
    loud = expected > 0.1 * expected[0]
    assert (found / expected)[loud].log().abs().max() < 0.1


def test_unsmeared_of_white_noise_is_flat() -> None:
    white = torch.randn(3, 1024, 1024, generator=torch.Generator().manual_seed(1))
    assert unsmeared(band_power(white).mean((0, 1)).double()).log().abs().max() < 0.05


def test_unsmeared_of_nothing_is_nothing() -> None:
    assert float(unsmeared(torch.zeros(8, dtype=torch.float64)).max()) == 0
