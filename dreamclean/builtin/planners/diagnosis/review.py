"""Whether a restoration agrees with its picture: what it leaves unexplained must be as loud as the noise was said to be."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from dreamclean.builtin.operators.blur import Blur
from dreamclean.builtin.operators.grain import Grain
from dreamclean.builtin.operators.kernels import gaussian_size
from dreamclean.builtin.planners.diagnosis.degradation import blur_words
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.contracts.operator import LinearOperator, Operator
from dreamclean.method.measured import measured

LOUDER = 1.2
"""What is left is at most so many times as wide as the noise that was said; a blur of 1.15 times the true width leaves 1.36."""
LEAST = 1 / 255
"""Where less than that is left, root mean square, nothing is wrong."""
NARROWER = 0.85


def revised(image: Tensor, diagnosis: Diagnosis, result: Tensor) -> Diagnosis | None:
    """A diagnosis in the place of the one that led from ``image`` to ``result``, both (1, 3, H, W); None: it stands.

    Asked of linear operators; grain is a start, not a projection. A blur that is too wide cannot be undone without
    contradiction: it is taken for narrower. Of other linear operators the noise is taken for as loud as what is left.
    """
    operator = diagnosis.operator
    if not isinstance(operator, LinearOperator) or isinstance(operator, Grain):
        return None
    left = unexplained(image, operator, result)
    if left < max(LEAST, LOUDER * said(operator, result)):
        return None
    if isinstance(operator, Blur):
        blur = _narrower(operator)
        return replace(diagnosis, operator=blur, found=blur_words(blur))
    return replace(diagnosis, operator=operator.model_copy(update={"noise": float(f"{left:.4g}")}))


def unexplained(image: Tensor, operator: Operator, result: Tensor) -> float:
    """Root mean square of y - A x, [0, 1] scale, over what was measured."""
    y, _ = measured(image, operator)
    off = (y - operator.degrade(result)).square()
    return math.sqrt(float(off.sum()) / max(1.0, float((y != 0).sum())))


def said(operator: Operator, x: Tensor) -> float:
    """Root mean square, [0, 1] scale, of the noise that an operator says a measurement of ``x`` has, as it is drawn."""
    drawn = operator.measure(x, torch.Generator().manual_seed(0)) - operator.degrade(x)
    return float(drawn.square().mean().sqrt())


def _narrower(blur: Blur) -> Blur:
    if blur.shape == "motion":
        return blur.model_copy(update={"length": NARROWER * blur.length})
    if blur.shape == "defocus":
        return blur.model_copy(update={"radius": NARROWER * blur.radius})
    std = NARROWER * blur.std[0]
    return blur.model_copy(update={"std": (std,), "size": gaussian_size(std)})
