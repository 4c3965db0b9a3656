"""What a prior loads: a model, ready to be asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from dreamclean.contracts.codec import Codec, PixelCodec
from dreamclean.contracts.levels import Level, Schedule

Ask = Callable[[Tensor, Level], Tensor]
"""One evaluation: latents (B, C, H, W) at a level with noise -> their noise eps, of the same shape."""


class Geometry(NamedTuple):
    """The sizes that suit a network, in pixels."""

    multiple: int = 1
    """What height and width must be a multiple of; the kernel pads, and crops what comes back."""
    native_size: int | None = None
    """The side that the model was made for, or None for any. Larger pictures are cut into tiles."""


@dataclass(frozen=True)
class Model:
    """A model in memory. Sizes, the picture's own level, tiles, counting and checks are the kernel's affair."""

    schedule: Schedule
    """The noise levels that the model knows."""
    predict: Ask
    """eps at ``x`` (B, C, H, W), ``level.sigma > 0`` (paper, Eq. 10), in any floating-point type.

    Height and width of x are multiples of what ``geometry`` says. About the picture itself it is asked at its lowest
    timestep, with ``level.alpha == 1``.
    """
    codec: Codec = field(default_factory=PixelCodec)
    """The way from pictures to latents and back."""
    geometry: Geometry = field(default_factory=Geometry)
    """The sizes that suit it."""
    invert: Ask | None = None
    """eps on the way up, where a model that is guided by a text answers without guidance; None: as ``predict``."""

    @property
    def grid(self) -> int:
        """What height and width of x must be a multiple of."""
        return max(1, self.geometry.multiple // self.codec.scale_factor)
