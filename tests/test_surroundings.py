"""What the caller has set in torch does not reach into a run, and what a run sets is set back."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch
from torch import Tensor

from dreamclean import Blur, DreamCleanError, Haze, Inpaint, LinearOperator, Mixture, Operator, Restorer
from dreamclean.contracts.differentiable import differentiable
from dreamclean.method.exact import deterministic


def restored(operator: Operator) -> Tensor:
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0), device="cpu", dtype=torch.float32)
    y = operator.measure(x, torch.Generator().manual_seed(1))
    prior = Mixture.around(x, std=0.1)
    restorer = Restorer(prior, operator=operator, steps=3, strength="nsr:1", device="cpu", dtype="float32")
    return restorer(y).image


def test_autocast_does_not_reach_into_a_run() -> None:
    operator = Blur(std=1.5, noise=0.005)
    plain = restored(operator)
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    y = operator.measure(x, torch.Generator().manual_seed(1))
    restorer = Restorer(
        Mixture.around(x, std=0.1), operator=operator, steps=3, strength="nsr:1", device="cpu", dtype="float32"
    )
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(restorer(y).image, plain)


def test_default_device_does_not_reach_into_a_run() -> None:
    operator = Inpaint(share=0.3, noise=0.02)
    plain = restored(operator)
    with torch.device("meta"):  # which has no numbers
        x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0), device="cpu")
        y = operator.measure(x, torch.Generator().manual_seed(1))
    restorer = Restorer(
        Mixture.around(x, std=0.1), operator=operator, steps=3, strength="nsr:1", device="cpu", dtype="float32"
    )
    with torch.device("meta"):
        assert torch.equal(restorer(y).image, plain)


def test_lost_pixels_are_the_same_in_double_precision() -> None:
    wanted = Inpaint(share=0.4, seed=5).known(20, 30)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(Inpaint(share=0.4, seed=5, noise=0.1).known(20, 30), wanted)
    finally:
        torch.set_default_dtype(before)


def test_exact_runs_at_once_leave_torch_as_it_was() -> None:
    before = torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    both, first_left = Barrier(2), Barrier(2)

    def first() -> None:
        with deterministic():
            both.wait()
        first_left.wait()

    def second() -> bool:
        with deterministic():
            both.wait()
            first_left.wait()
            return torch.are_deterministic_algorithms_enabled()

    try:
        with ThreadPoolExecutor(2) as pool:
            runs = pool.submit(first), pool.submit(second)
            assert [run.result() for run in runs] == [None, True]
        assert (torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()) == (
            before[0],
            "high",
        )
    finally:
        torch.set_float32_matmul_precision(before[1])


# Operators of one's own


class Halved(LinearOperator):
    """y = x / 2, computed outside of torch."""

    name = "halved"

    def degrade(self, x: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(x.detach().cpu()) / 2).to(x)

    def adjoint(self, y: Tensor) -> Tensor:
        return y / 2

    def image_shape(self, y: Tensor) -> torch.Size:
        return y.shape


def test_adjoint_of_ones_own_is_used_everywhere() -> None:
    y = torch.rand(1, 3, 8, 8)
    assert torch.allclose(Halved().pseudo_inverse(y), 2 * y, atol=1e-5)
    assert torch.allclose((Halved() @ Halved()).pseudo_inverse(y), 4 * y, atol=1e-5)
    x0 = torch.rand(1, 3, 8, 8)
    assert torch.allclose(Halved(noise=0.1).project(x0, y, 0.2), x0 + (y - x0 / 2) * 0.02 / (0.01 + 0.01), atol=1e-5)
    assert not differentiable(Halved()) and differentiable(Blur(std=1.0))
    assert restored(Halved(noise=0.02)).isfinite().all()


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (2, 1, 8, 8), (3, 8, 8)])
def test_masks_and_maps_that_differ_between_channels_or_images_are_refused(shape: tuple[int, ...]) -> None:
    for operator in (Inpaint, Haze):
        with pytest.raises(DreamCleanError, match=r"is \(1, 1, H, W\) or \(H, W\), not"):
            operator.of(torch.ones(shape))
    assert Inpaint.of(torch.ones(8, 8)) == Inpaint.of(torch.ones(1, 1, 8, 8))
    assert Haze.of(torch.full((8, 8), 0.5)).uneven


def test_what_operators_hand_out_is_a_copy() -> None:
    for get in (lambda: Blur(shape="defocus", radius=3.0).kernel(), lambda: Inpaint(share=0.5).known(8, 8)):
        get().mul_(7)
        assert get().max() <= 1
    x = torch.rand(1, 3, 32, 32)
    result = Restorer("starter", planner="auto", device="cpu")(x).image
    result.zero_()
    assert x.any()


class Weighed(LinearOperator):
    """An operator with an ``__init__`` of its own, which no copy can call."""

    name = "weighed"

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        object.__setattr__(self, "_weight", weight)

    def degrade(self, x: Tensor) -> Tensor:
        return x


def test_operator_with_an_init_of_its_own_is_told_what_to_do() -> None:
    with pytest.raises(
        DreamCleanError, match="weighed cannot be copied with another noise, as its class has an __init__"
    ):
        Weighed(torch.ones(1)).model_copy(update={"noise": 0.1})


def test_signed_measurement_is_told_of_viewable() -> None:
    y = torch.linspace(-1, 1, 3 * 64).reshape(1, 3, 8, 8)
    with pytest.raises(
        DreamCleanError, match="if a measurement of halved is no picture, its class says viewable = False"
    ):
        Restorer(Mixture.around(torch.rand(1, 3, 8, 8), std=0.1), operator=Halved(), steps=2, strength="nsr:1")(y)
