"""Pictures whose colours lie on a line."""

import pytest
import torch
from torch import Tensor

from dreamclean.builtin.noise.line import line_of


def tinted(*tint: float, dark: tuple[float, ...] = (0, 0, 0)) -> Tensor:
    """A picture (3, 40, 40) of one tint, rounded to 8 bits."""
    t = torch.rand(1, 40, 40, generator=torch.Generator().manual_seed(0))
    colours = torch.tensor(dark).view(3, 1, 1) + t * (torch.tensor(tint) - torch.tensor(dark)).view(3, 1, 1)
    return (colours * 255).round() / 255


def test_line_of_a_grey_picture_is_that_of_the_greys() -> None:
    line = line_of(tinted(1, 1, 1))
    assert line is not None
    assert line.direction.tolist() == pytest.approx([3**-0.5] * 3)
    coloured = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1))
    grey = line.nearest(coloured)
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[0], grey[2])
    assert torch.allclose(grey[0], coloured.mean(0))


@pytest.mark.parametrize("tint", [(0.9, 0.7, 0.5), (0.2, 0.5, 0.9)])
def test_line_of_a_tinted_picture_is_that_of_its_tint(tint: tuple[float, ...]) -> None:
    dark = (0.1, 0.05, 0.05)
    picture = tinted(*tint, dark=dark)
    line = line_of(picture)
    assert line is not None
    wanted = torch.tensor(tint) - torch.tensor(dark)
    assert torch.allclose(line.direction.abs(), wanted.abs() / wanted.norm(), atol=5e-3)
    assert torch.allclose(line.nearest(picture), picture, atol=1.5 / 255)


def test_line_of_a_coloured_or_a_flat_picture_is_none() -> None:
    spot = tinted(1, 1, 1)
    spot[0, 3, 3] += 0.1
    colours = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(1))
    flat = torch.tensor([0.3, 0.5, 0.4]).view(3, 1, 1).expand(3, 40, 40)
    for picture in (colours, spot, flat):
        assert line_of(picture) is None
