"""What rounding tells: an interval, and not a middle with normal noise."""

import pytest
import torch
from torch import Tensor

from dreamclean import JPEG, Blur, Identity, Operator
from dreamclean.builtin.operators.enlarged_jpeg import EnlargedJPEG
from dreamclean.builtin.operators.truncated import truncated_mean


@pytest.mark.parametrize("std", [0.02, 0.3, 2.0])
def test_truncated_mean_is_that_of_draws(std: float) -> None:
    low = torch.tensor([-1.0, -0.2, 0.1, 0.4])
    high = torch.tensor([0.5, 0.3, 0.2, 0.9])
    draws = std * torch.randn(4_000_000, generator=torch.Generator().manual_seed(0))
    for one, other, mean in zip(low, high, truncated_mean(low, high, std), strict=True):
        inside = draws[(draws > one) & (draws < other)]
        if len(inside) > 1000:
            assert float(mean) == pytest.approx(float(inside.mean()), abs=4 * float(inside.std()) / len(inside) ** 0.5)
        assert one <= mean <= other


def test_truncated_mean_far_in_the_tail_is_the_nearest_end_and_odd() -> None:
    low, high = torch.tensor([5.0, 0.05, 30.0]), torch.tensor([6.0, 0.06, 31.0])
    mean = truncated_mean(low, high, 0.1)
    assert torch.equal(mean, -truncated_mean(-high, -low, 0.1))
    assert mean[0] == pytest.approx(5.0, abs=0.01)
    assert mean[2] == 30.0


def photo(side: int = 32) -> Tensor:
    small = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(small, side, mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize(("std", "share"), [(0.01, 0.98), (0.03, 0.95), (0.1, 0.96)])
def test_a_projection_is_nearer_to_what_was_rounded(std: float, share: float) -> None:
    """Coefficients anywhere in the intervals that are rounded to those of y, and an estimate of them."""
    operator = JPEG(quality=(30,), subsampling="4:4:4")
    y = operator.degrade(photo())
    grid, generator = operator.grids()[-1], torch.Generator().manual_seed(1)
    luma, chroma = (variance.to(y) for variance in operator.rounding_variance())
    inside, off = [], []
    for part, variance in zip(grid.to_coefficients(y), (luma, chroma, chroma), strict=True):
        inside.append((3 * variance).sqrt() * (2 * torch.rand(part.shape, generator=generator) - 1))
        off.append(std * torch.randn(part.shape, generator=generator))
    x = y + grid.from_coefficients(inside, *y.shape[2:])
    x0 = x + grid.from_coefficients(off, *y.shape[2:])
    interval = operator.project(x0, operator.dequantized(y, x0, std), std)
    normal = operator.project(x0, y, std)
    assert (interval - x).square().mean() < share * (normal - x).square().mean()


def test_a_rough_estimate_takes_the_middle_as_before() -> None:
    x = photo()
    operator = JPEG(quality=(80,), subsampling="4:4:4")
    y = operator.degrade(x)
    far = x.flip(-1)
    torch.testing.assert_close(
        operator.project(far, operator.dequantized(y, far, 3.0), 3.0), operator.project(far, y, 3.0), atol=2e-3, rtol=0
    )


@pytest.mark.parametrize(
    "operator",
    [JPEG(quality=(50, 60), shift=(0, 3)), JPEG(quality=(60,), noise=0.05), JPEG(poisson=1.0), Blur(noise=0.1)],
)
def test_y_is_kept_where_the_interval_is_not_known(operator: Operator) -> None:
    y = operator.degrade(photo())
    assert operator.dequantized(y, photo(), 0.01) is y


def test_a_chain_asks_its_last_link_and_counts_the_noise_before() -> None:
    x, last = photo(), JPEG(quality=(30,))
    quiet, loud = last @ Identity(), last @ Identity(noise=0.3)
    y = last.degrade(x)
    torch.testing.assert_close(quiet.dequantized(y, x, 0.01), last.dequantized(y, x, 0.01))
    at = (0.01**2 + 0.3**2) ** 0.5
    torch.testing.assert_close(loud.dequantized(y, x, 0.01), last.dequantized(y, x, at), atol=0.01, rtol=0)
    blurred = Blur() @ last
    assert blurred.dequantized(blurred.degrade(x), x, 0.01).equal(blurred.degrade(x))


def test_an_enlarged_jpeg_asks_the_small_picture() -> None:
    operator = EnlargedJPEG(factor=2, quality=(30,), subsampling="4:4:4")
    enlarged, y = operator.enlarged(), operator.degrade(photo(64))
    x0 = photo(64) + 0.03
    wanted = operator.jpeg().dequantized(enlarged.small(y), enlarged.shrink(x0), 0.03)
    torch.testing.assert_close(enlarged.small(operator.dequantized(y, x0, 0.03)), wanted, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("quality", "noise", "decisive"), [((20, 50), 0.0, 0), ((10, 20, 40), 0.0, 0), ((80, 20), 0.0, 1), ((30,), 0.01, 0)]
)
def test_what_came_after_the_coarsest_pass_is_undone(quality: tuple[int, ...], noise: float, decisive: int) -> None:
    """The interval is that of the pass itself, but for few coefficients."""
    shift = (0, 3, 6)[: len(quality)]
    operator = JPEG(quality=quality, shift=shift, noise=noise, subsampling="4:4:4")
    assert operator.decisive() == decisive and operator.found_again()
    x = photo(48)
    y = operator.measure(x, torch.Generator().manual_seed(0))
    until = JPEG(quality=quality[: decisive + 1], shift=shift[: decisive + 1], subsampling="4:4:4")
    x0 = x + 0.05
    undone, itself = (
        op.project(x0, op.dequantized(v, x0, 0.05), 0.05) for op, v in ((operator, y), (until, until.degrade(x)))
    )
    as_it_is = operator.project(x0, y, 0.05)
    assert (undone - itself).square().mean() < (as_it_is - itself).square().mean() / 2
