"""Pictures whose damage cannot be diagnosed: too small, flat, or of two tones. The prior is not evaluated."""

from torch import Tensor

SMALLEST = 32
"""Side in pixels; of smaller pictures clean ones are taken for damaged, at 16 most and at 24 one in three (starter)."""


def exempt(image: Tensor) -> str | None:
    """Why ``image`` (1, 3, H, W) cannot be diagnosed: "too small", "flat" or "one-bit"; else None."""
    if min(image.shape[-2:]) < SMALLEST:
        return "too small"
    low, high = image.amin((-2, -1), keepdim=True), image.amax((-2, -1), keepdim=True)
    if (low == high).all():
        return "flat"
    few = image[..., : image.shape[-2] // 32 + 1, :]  # most pictures are seen to have more tones at once
    two = all(((part == low) | (part == high)).all() for part in (few, image))
    return "one-bit" if two else None
