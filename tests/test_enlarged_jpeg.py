"""The operator of a small JPEG that was enlarged."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from dreamclean import JPEG, Downsample, DreamCleanError, EnlargedJPEG
from dreamclean.host.host import host


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def smooth(height: int, width: int) -> Tensor:
    down, across = torch.meshgrid(torch.linspace(0, 5, height), torch.linspace(0, 7, width), indexing="ij")
    return (0.5 + 0.3 * torch.sin(down + torch.tensor([0.0, 1, 2])[:, None, None]) * torch.cos(across))[None].double()


@pytest.mark.parametrize("method", ["nearest", "bicubic-0.75"])
def test_enlarged_jpeg_projects_onto_the_small_pictures_jpeg(method: str) -> None:
    """As the chain ``downsample | jpeg`` does with the small picture that was enlarged."""
    operator = EnlargedJPEG(quality=(40,), method=method)
    y = operator.degrade(smooth(48, 64))
    x0 = rand(1, 3, 48, 64, seed=1)
    small = (255 * operator.enlarged().small(y)).round() / 255
    chain = JPEG(quality=(40,)) @ Downsample(factor=2, method="bicubic")
    assert (operator.project(x0, y, 0.1) - chain.project(x0, small, 0.1)).abs().max() < 1e-4
    assert (operator.project(x0, y, 0.1) - x0).abs().max() > 0.1


def test_enlarged_jpeg_finds_the_small_jpeg_again() -> None:
    """What the codec made of the small picture is what its enlargement says, to a rounding."""
    operator = EnlargedJPEG(quality=(30,), factor=(1.5,), method="bicubic")
    x = smooth(51, 60)
    small = operator.jpeg().degrade(operator.enlarged().shrink(x))
    y = (operator.degrade(x).clamp(0, 1) * 255).round() / 255
    assert (operator.enlarged().small(y) - small).abs().max() < 2.5 / 255
    assert y.shape == x.shape == operator.image_shape(y)


def spreads(spread: Callable[[Tensor], Tensor], operator: EnlargedJPEG) -> None:
    x, small = rand(1, 3, 50, 40), rand(1, 3, 33, 27, seed=1)
    assert float((operator.enlarged().shrink(x) * small).sum()) == pytest.approx(
        float((x * spread(small)).sum()), rel=1e-9
    )


def test_enlarged_jpeg_shrinks_by_the_adjoint_of_its_spread() -> None:
    operator = EnlargedJPEG(factor=(1.5,))
    spreads(lambda v: operator.enlarged().spread(v, 50, 40), operator)
    with pytest.raises(AssertionError):
        spreads(lambda v: operator.enlarged().enlarge(v, 50, 40), operator)


def test_enlarged_jpeg_is_what_its_string_says() -> None:
    operator = host().make("operator", "enlarged-jpeg:quality=40,factor=2.5,method=lanczos")
    assert operator == EnlargedJPEG(quality=(40,), factor=(2.5,), method="lanczos")


@pytest.mark.parametrize("settings", [{"noise": 0.2}, {"poisson": 0.02}])
def test_enlarged_jpeg_trusts_a_noisy_picture_less(settings: dict[str, float]) -> None:
    exact, noisy = EnlargedJPEG(quality=(90,)), EnlargedJPEG(quality=(90,), **settings)
    x0, y = rand(1, 3, 32, 48), exact.degrade(rand(1, 3, 32, 48, seed=1))
    steps = [(operator.project(x0, y, 0.1) - x0).norm() for operator in (exact, noisy)]
    assert steps[1] < 0.5 * steps[0]


@pytest.mark.parametrize("settings", [{"factor": (0.5,)}, {"quality": (0,)}])
def test_enlarged_jpeg_refuses_settings_that_its_parts_refuse(settings: dict[str, tuple[float]]) -> None:
    with pytest.raises(DreamCleanError, match=r"between 1 and 100|from 1 to 64"):
        EnlargedJPEG(**settings)
