"""Conversion between pictures and a model's own space."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor


class Codec(Protocol):
    """Leads from pictures to latents and back."""

    @property
    def pixel_scale(self) -> float:
        """Standard deviation in the image, [0, 1] scale, of a unit standard deviation in x."""

    @property
    def scale_factor(self) -> int:
        """Side in pixels of one element of x: 1 in pixel space, 8 for most latent models."""

    def encode(self, image: Tensor) -> Tensor:
        """Image (B, 3, H, W) in [0, 1] to x (B, C, h, w)."""

    def decode(self, x: Tensor) -> Tensor:
        """x (B, C, h, w) to image (B, 3, H, W), nominally in [0, 1]; nothing is clipped."""


@dataclass(frozen=True)
class PixelCodec:
    """Pixel space: x is the image scaled to [-1, 1]."""

    pixel_scale: ClassVar[float] = 0.5
    scale_factor: ClassVar[int] = 1

    def encode(self, image: Tensor) -> Tensor:
        """Image (B, 3, H, W) in [0, 1] to x of the same shape."""
        return image * 2 - 1

    def decode(self, x: Tensor) -> Tensor:
        """x (B, 3, H, W) to the image of the same shape; nothing is clipped."""
        return (x + 1) / 2
