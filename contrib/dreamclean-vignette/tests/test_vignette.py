"""The operator keeps its contract and darkens the corners as it says."""

import torch
from dreamclean_vignette.vignette import Vignette

from dreamclean.testing import LinearOperatorSuite


class TestVignette(LinearOperatorSuite):
    component = Vignette()


class TestStrongVignette(LinearOperatorSuite):
    component = Vignette(stops=5)


def test_vignette_darkens_corners_by_its_stops():
    picture = Vignette(stops=3).degrade(torch.ones(1, 3, 41, 61))
    assert torch.allclose(picture[..., 20, 30], torch.tensor(1.0))
    for corner in (picture[..., 0, 0], picture[..., -1, -1]):
        assert torch.allclose(corner, torch.tensor(1 / 8))


def test_vignette_darkens_pictures_of_other_shapes_alike():
    square, wide = (Vignette().degrade(torch.ones(1, 3, 31, width)) for width in (31, 61))
    assert torch.allclose(square, wide[..., ::2])
