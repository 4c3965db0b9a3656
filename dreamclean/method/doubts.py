"""Warnings of doubtful results: values far outside [0, 1], disagreement with the measurement, an unusual strength."""

from torch import Tensor, as_tensor

from dreamclean.contracts.levels import Level
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.prior import Prior

OUTSIDE = 0.05
"""Root mean square by which values leave [0, 1]: below 0.001 if the operator is right, above 0.4 if it is wrong."""
DISAGREEMENT = 0.05
"""Root mean square of y - A x beyond three times the noise."""
FAR = 1.5
"""Factor between noise-to-signal ratios."""


def of_values(image: Tensor, operator: Operator | None) -> str | None:
    """A warning if the result ``image`` (B, 3, H, W), not clipped yet, leaves [0, 1] badly."""
    if not (_rms(image - image.clamp(0, 1)) > OUTSIDE).any():
        return None
    if operator is None:
        return "the result leaves [0, 1] by far; choose a lower strength or more steps"
    return (
        f"the result leaves [0, 1] by far: {operator.name} with these settings and this noise "
        "have probably not made the picture; say what did, or give more noise"
    )


def of_agreement(image: Tensor, operator: Operator | None, y: Tensor) -> str | None:
    """A warning if the result ``image`` (B, 3, H, W) in [0, 1] is far from explaining the measurement ``y``."""
    if operator is None or not operator.viewable:
        return None
    noise = as_tensor(operator.noise_variance(y)).to(y).expand_as(y).flatten(1).mean(1).sqrt()
    if not (_rms(y - operator.degrade(image)) > 3 * noise + DISAGREEMENT).any():
        return None
    return (
        f"the result does not agree with the picture: {operator.name} with these settings and this noise "
        "have probably not made it; say what did, or give more noise"
    )


def of_preset(preset: str, top: Level, prior: Prior, usual: float | None, known_operator: bool) -> str | None:
    """A warning if the ``top`` level of a preset is far from ``usual``, the noise-to-signal ratio that suits the prior."""
    if usual is None or usual / FAR < top.ratio < usual * FAR:
        return None
    return (
        f"preset {preset} starts at nsr:{top.ratio:.2g}, {prior.name} recommends nsr:{usual:.2g}"
        f"{'' if known_operator else ' at most'}, so it may change the picture much; remove the preset "
        "or give a strength"
    )


def _rms(x: Tensor) -> Tensor:
    """Root mean square of each image, (B,)."""
    return x.flatten(1).square().mean(1).sqrt()
