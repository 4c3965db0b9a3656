"""Conversion between pictures and a model's own space."""

from typing import Protocol

from torch import Tensor


class Codec(Protocol):
    """A prior, as far as guidance sees it."""

    @property
    def pixel_scale(self) -> float:
        """Standard deviation in the image, [0, 1] scale, of a unit standard deviation in x."""

    def encode(self, image: Tensor) -> Tensor:
        """Image (B, 3, H, W) in [0, 1] to x (B, C, h, w)."""

    def decode(self, x: Tensor) -> Tensor:
        """x (B, C, h, w) to image (B, 3, H, W), nominally in [0, 1]; nothing is clipped."""
