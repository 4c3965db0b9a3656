"""Random numbers: each image has its own, so that its result is the same alone and in a batch."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from dreamclean.contracts.brief import brief
from dreamclean.contracts.errors import DreamCleanError

_STREAM = 0x447265616D436C65
"""Makes a restoration's random numbers differ from the measurement noise of the same seed."""


def seeds_of(seed: int | Sequence[int], batch: int) -> list[int]:
    """One seed for each of ``batch`` images. DreamCleanError for another number of them, or one out of range."""
    try:
        seeds = [int(value) for value in seed] if isinstance(seed, Iterable) else [int(seed)] * batch
    except (TypeError, ValueError):
        raise DreamCleanError(f"a seed is a whole number, not {brief(seed)}") from None
    if len(seeds) != batch:
        raise DreamCleanError(f"{len(seeds)} seeds for {batch} images; give one seed, or one for each image")
    if any(not 0 <= value < 2**63 for value in seeds):
        raise DreamCleanError(f"a seed is a whole number from 0 to 2**63 - 1, not {brief(seeds)}")
    return seeds


def seeded_noise(seeds: Sequence[int]) -> Callable[[Tensor], Tensor]:
    """Standard normal noise, each image's from a generator of its own, drawn on the CPU on every device."""
    generators = [torch.Generator().manual_seed(seed ^ _STREAM) for seed in seeds]

    def noise(x: Tensor) -> Tensor:
        drawn = torch.empty(x.shape, dtype=torch.float32, device="cpu")
        for image, generator in zip(drawn, generators, strict=True):
            torch.randn(image.shape, generator=generator, out=image)
        return drawn.to(x)

    return noise
