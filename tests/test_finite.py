"""A value that is not finite stops a run, whichever it is and wherever it lies."""

import math

import pytest
import torch

from dreamclean.method.finite import NotFinite, finite


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 17, 47])
def test_finite_finds_one_bad_value(value: float, place: int) -> None:
    x = torch.linspace(-1, 1, 48).reshape(1, 3, 4, 4)
    assert finite(x, "nobody", "nothing") is x
    x.view(-1)[place] = value
    with pytest.raises(NotFinite, match=r"^the network gave values that are not finite; do this$"):
        finite(x, "the network", "do this")


def test_finite_accepts_an_empty_tensor() -> None:
    x = torch.zeros(0, 3, 4, 4)
    assert finite(x, "nobody", "nothing") is x
