"""Settings of the colour channels: three numbers, or one for all."""

from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor

Numbers = TypeVar("Numbers", bound=Sequence[float])


def checked(values: Numbers) -> Numbers:
    """``values`` themselves; ValueError unless they are one or three."""
    if len(values) not in (1, 3):
        raise ValueError("one number, or three: red, green, blue")
    return values


def per_channel(values: Sequence[float], x: Tensor) -> Tensor:
    """``values`` in the type and place of ``x``, (1, 3, 1, 1)."""
    return x.new_tensor(values).expand(3).view(1, 3, 1, 1)
