"""Pictures whose damage cannot be diagnosed: too small, flat, or of two tones. The prior is not evaluated."""

from torch import Tensor

from dreamclean.builtin.planners.diagnosis.outliers.local import drawn

EXEMPT = ("too small", "flat", "one-bit", "transparent")
"""Families of pictures that are left alone, whatever somebody says of them."""
SMALLEST = 32
"""Side in pixels. Clean pictures that are smaller are called damaged: most of them at 16, one in three at 24 (starter)."""
EQUAL = 0.85
"""Share of pixels that equal the next one, above which a picture has no noise. Of photographs it is under 0.7, of drawings over 0.95."""


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


def noiseless(image: Tensor) -> bool:
    """Whether most pixels of ``image`` (1, 3, H, W) that are neither black nor white equal the next one exactly: a drawing."""
    return drawn(image, ((image > 0) & (image < 1)).any(1)) > EQUAL
