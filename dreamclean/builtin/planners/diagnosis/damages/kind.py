"""What a kind of damage is: a function of a picture, a seed and settings, and how strong it may be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
from torch import Tensor

from dreamclean.method.measured import EIGHT_BIT


@dataclass(frozen=True)
class Damaged:
    """A picture with its damage, and what is known of it. Pictures are (1, 3, H, W) in [0, 1], in 8 bits."""

    shown: Tensor
    """What a person has."""
    clean: Tensor
    """What a perfect restoration would be: the picture that was given, in grey where the damage is of grey pictures."""
    operator: str = ""
    """The true degradation with its noise, in the form that ``--operator`` takes; empty where there is none."""
    measurement: Tensor | None = None
    """What ``operator`` measured, (1, 3, h, w), where that is not what is shown: the small picture, of an enlarged one."""
    lost: Tensor | None = None
    """Of pixels that show nothing of the picture: True where they are, (1, 1, H, W)."""


Make = Callable[..., Damaged]
"""``make(x, seed, **settings)``: the picture ``x`` (1, 3, H, W) in [0, 1], damaged. The same seed, the same damage."""


@dataclass(frozen=True)
class Kind:
    """A kind of damage, or of clean pictures (``group`` "clean")."""

    name: str
    group: str
    title: str
    make: Make
    weakest: Mapping[str, float] = field(default_factory=dict)
    """Settings that can hardly be seen,"""
    worst: Mapping[str, float] = field(default_factory=dict)
    """and those that leave little. Between them strength goes in equal ratios."""
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Settings that are no strength."""

    def settings(self, strength: float, rng: Random) -> dict[str, Any]:
        """Settings of a ``strength`` between 0 (``weakest``) and 1 (``worst``), the choices drawn from ``rng``."""
        found: dict[str, Any] = {name: rng.choice(values) for name, values in self.choices.items()}
        for name, low in self.weakest.items():
            value = low * (self.worst[name] / low) ** strength
            found[name] = round(value) if isinstance(low, int) else value
        return found

    def __call__(self, x: Tensor, seed: int = 0, strength: float | None = None) -> Damaged:
        """``x`` with this damage. ``strength``: 0 to 1, or None for the settings that ``make`` has by default."""
        settings = {} if strength is None else self.settings(strength, Random(f"{self.name} {seed}"))
        return self.make(x, seed, **settings)


def eight_bit(x: Tensor) -> Tensor:
    """As a picture file holds it."""
    return (x.clamp(0, 1) * 255).round() / 255


def normal(x: Tensor, seed: int, channels: int = 3) -> Tensor:
    """White noise of standard deviation 1 for the pixels of ``x``; one channel serves all three."""
    shape = (x.shape[0], channels, *x.shape[2:])
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).expand(x.shape)


def grey(x: Tensor) -> Tensor:
    """The luma of ``x`` (ITU-R BT.601) in all three channels."""
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1).to(x)
    return (x * weights).sum(1, keepdim=True).expand(x.shape)


def noise_text(*stds: float) -> str:
    """``noise=S`` of independent noises of these standard deviations, [0, 1] scale, and the rounding to 8 bits."""
    return f"noise={(sum(std**2 for std in stds) + EIGHT_BIT**2) ** 0.5:.4g}"
