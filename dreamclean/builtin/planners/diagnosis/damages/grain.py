"""Film grain: noise of the emulsion's clumps, which are larger than a scanner's pixels."""

from torch import Tensor

from dreamclean.builtin.planners.diagnosis.damage import blurred
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, eight_bit, noise_text, normal


def grain(x: Tensor, seed: int, std: float = 20.0, blur: float = 1.0) -> Damaged:
    """Grey noise of ``std`` (of 255), blurred by a Gaussian of ``blur`` pixels: the same in all channels."""
    noise = blurred(normal(x, seed, channels=1), blur)
    return Damaged(eight_bit(x + std / 255 * noise / noise.std()), x, grain_text(std, blur, 1))


def colour_grain(x: Tensor, seed: int, std: float = 20.0, blur: float = 1.0) -> Damaged:
    """The same, of three layers that know nothing of each other: also what demosaicking makes of noise."""
    noise = blurred(normal(x, seed), blur)
    return Damaged(eight_bit(x + std / 255 * noise / noise.std()), x, grain_text(std, blur, 0))


def grain_text(std: float, blur: float, common: float) -> str:
    """The operator; ``common``: the correlation of the channels."""
    return f"grain:std={std / 255:.4g},blur={blur:.4g},common={common:g},{noise_text()}"
