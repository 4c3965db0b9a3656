"""Chains of operators as the bench's methods meet them: they are restored, or refused in one line."""

import pytest
import torch
from dreamclean_bench.method import Problem

from dreamclean import JPEG, Blur, Downsample, DreamCleanError, Identity, Mixture, Operator
from dreamclean.host.host import host

IMAGES = torch.nn.functional.interpolate(
    torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(0)), 16, mode="bilinear"
)
CHAINS = {
    "linear": Downsample(factor=2, noise=0.05) @ Blur(std=0.8, size=3),
    "noise inside": Downsample(factor=2) @ Identity(noise=0.1),
    "jpeg": JPEG(quality=50) @ Identity(noise=0.05),
}
ANY = ("dreamclean:preset=paper,steps=4", "dreamclean-known:preset=paper,steps=4", "input", "pseudo-inverse", "bicubic")
LINEAR = ("diffpir:steps=2", "pigdm:steps=2", "red:iterations=2")
SPECTRAL = ("ddrm:steps=2", "ddnm-plus:steps=2", "snips:steps=2,repeats=1")


def problem(operator: Operator) -> Problem:
    y = operator.measure(IMAGES[:1], torch.Generator().manual_seed(5))
    shown = torch.nn.functional.interpolate(y, 16).clamp(0, 1)
    return Problem(y=y, shown=shown, operator=operator, prior=Mixture.around(IMAGES, std=0.1), seeds=[1])


@pytest.mark.parametrize("method", [*ANY, *LINEAR])
@pytest.mark.parametrize("chain", CHAINS)
def test_chain_is_restored_where_the_method_can(method: str, chain: str) -> None:
    if chain == "jpeg" and method in LINEAR:
        with pytest.raises(DreamCleanError, match="needs a linear operator"):
            host().make("method", method)(problem(CHAINS[chain]))
        return
    image = host().make("method", method)(problem(CHAINS[chain]))
    assert image.shape == (1, 3, 16, 16) and image.isfinite().all()


@pytest.mark.parametrize("method", SPECTRAL)
def test_chain_without_a_known_decomposition_is_refused(method: str) -> None:
    with pytest.raises(DreamCleanError, match="decomposition"):
        host().make("method", method)(problem(CHAINS["linear"]))
