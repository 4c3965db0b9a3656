"""JPEG: once, twice on grids that do not meet, and over noise."""

from torch import Tensor

from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, eight_bit, normal


def jpeg(x: Tensor, seed: int, quality: int = 30, chroma: bool = True) -> Damaged:
    """One pass of the codec; ``chroma``: colour planes halved."""
    subsampling = "4:2:0" if chroma else "4:4:4"
    text = f"jpeg:quality={quality},subsampling={subsampling}"
    return Damaged(JPEG(quality=(quality,), subsampling=subsampling).degrade(x), x, text)


def jpeg_twice(x: Tensor, seed: int, first: int = 20, second: int = 50) -> Damaged:
    """Compressed, cut by a few pixels that the seed chooses, compressed again."""
    shift = 1 + seed % 7
    twice = JPEG(quality=(first, second), shift=(0, shift))
    return Damaged(twice.degrade(x), x, f"jpeg:quality={first}/{second},shift=0/{shift}")


def noise_then_jpeg(x: Tensor, seed: int, std: float = 15.0, quality: int = 50) -> Damaged:
    """White noise of ``std`` (of 255) that was then compressed: most pictures of most telephones."""
    noisy = eight_bit(x + std / 255 * normal(x, seed))
    text = f"identity:noise={std / 255:.4g} | jpeg:quality={quality}"
    return Damaged(JPEG(quality=(quality,)).degrade(noisy), x, text)
