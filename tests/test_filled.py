"""Lost pixels, filled in from those around them."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean import JPEG, Downsample, Inpaint, LinearOperator, Operator
from dreamclean.contracts import filled as module
from dreamclean.contracts.filled import NEAR, filled


@pytest.mark.parametrize("box", [(10, 20, 10, 30), (0, 40, 0, 25), (5, 39, 5, 39)])
def test_filled_comes_from_known_pixels_alone(box: tuple[int, int, int, int]) -> None:
    x = torch.full((2, 3, 40, 40), 0.25)
    lost = torch.zeros(1, 1, 40, 40, dtype=torch.bool)
    top, bottom, left, right = box
    lost[..., top:bottom, left:right] = True
    broken = torch.where(lost, torch.ones_like(x), x)
    torch.testing.assert_close(filled(broken, lost), x)


def test_filled_keeps_known_pixels_and_what_is_lost_altogether() -> None:
    x = torch.rand(1, 3, 33, 47, generator=torch.Generator().manual_seed(0))
    lost = torch.rand(1, 1, 33, 47, generator=torch.Generator().manual_seed(1)) < 0.5
    keep = ~lost.expand_as(x)
    assert torch.equal(filled(x, lost)[keep], x[keep])
    assert torch.equal(filled(x, torch.ones_like(lost)), x)


def test_filled_goes_from_near_pixels_inwards_and_ends() -> None:
    """A hole in a ramp is a ramp near its edge, and between the two edges further inside."""
    ramp = torch.linspace(0, 1, 96).expand(1, 3, 96, 96)
    lost = torch.zeros(1, 1, 96, 96, dtype=torch.bool)
    lost[..., 24:72, 24:72] = True
    found = filled(torch.where(lost, torch.zeros_like(ramp), ramp), lost)
    assert float((found - ramp).abs().max()) < 0.2
    assert float((found - ramp)[..., 24:26, :].abs().max()) < 0.05


def test_filled_takes_no_more_passes_for_a_larger_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    mean = module._mean
    monkeypatch.setattr(
        module, "_mean", lambda x, *args, **window: passes.append(x.shape[-1]) or mean(x, *args, **window)
    )
    lost = F.pad(torch.ones(1, 1, 500, 500, dtype=torch.bool), (6, 6, 6, 6))
    filled(torch.rand(1, 3, 512, 512), lost)
    assert passes.count(512) == NEAR + 1
    assert len(passes) <= NEAR + 9


def test_inpaint_starts_from_what_is_around_and_not_from_grey() -> None:
    x = torch.full((1, 3, 16, 16), 0.9)
    known = torch.ones(1, 1, 16, 16, dtype=torch.bool)
    known[..., 4:8, 4:8] = False
    operator = Inpaint.of(known, noise=0.01)
    torch.testing.assert_close(operator.start(operator.degrade(x)), x, atol=1e-3, rtol=0)
    nothing = Inpaint.of(torch.zeros_like(known))
    torch.testing.assert_close(nothing.start(nothing.degrade(x)), torch.full_like(x, 0.5))


class Interlace(LinearOperator):
    """Every other line is missing."""

    name = "interlace"

    def degrade(self, x: Tensor) -> Tensor:
        return x[..., ::2, :]


class Mosaic(LinearOperator):
    """One colour of each pixel, those of a colour filter array."""

    name = "mosaic"

    def degrade(self, x: Tensor) -> Tensor:
        seen = torch.zeros_like(x[:1])
        seen[:, 0, ::2, ::2] = seen[:, 1, 1::2, ::2] = seen[:, 1, ::2, 1::2] = seen[:, 2, 1::2, 1::2] = 1
        return (x * seen).sum(1, keepdim=True)

    def image_shape(self, y: Tensor) -> torch.Size:
        return torch.Size((y.shape[0], 3, *y.shape[2:]))


class RedAlone(LinearOperator):
    """Two of the three channels are lost everywhere."""

    name = "red-alone"

    def degrade(self, x: Tensor) -> Tensor:
        return x[:, :1]

    def image_shape(self, y: Tensor) -> torch.Size:
        return torch.Size((y.shape[0], 3, *y.shape[2:]))


@pytest.mark.parametrize(
    "operator",
    [
        Interlace(noise=0.02),
        Mosaic(noise=0.02),
        Inpaint(share=0.3) @ Downsample(factor=2),
        Inpaint(share=0.2) @ JPEG(quality=90),
    ],
)
def test_start_fills_in_what_an_operator_does_not_measure(operator: Operator) -> None:
    """Of a ramp in each channel, twice as well as with grey in the place of what is lost."""
    ramp = torch.linspace(0.7, 0.95, 32).expand(1, 3, 32, 32) * torch.tensor([1.0, 0.9, 0.8])[:, None, None]
    y = operator.degrade(ramp)
    grey = operator.project(torch.full_like(ramp, 0.5), y, 0.5)
    assert (operator.start(y) - ramp).square().mean() < (grey - ramp).square().mean() / 4


def test_start_leaves_a_channel_that_is_lost_altogether_grey() -> None:
    start = RedAlone().start(torch.rand(1, 1, 16, 16))
    assert torch.equal(start[:, 1:], torch.full_like(start[:, 1:], 0.5))
