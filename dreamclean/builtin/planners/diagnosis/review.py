"""Whether a restoration agrees with its picture: what it leaves unexplained must be as loud as the noise was said to be."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from dreamclean.builtin.noise.spectrum import at_a_pixel
from dreamclean.builtin.operators.blur import Blur
from dreamclean.builtin.operators.enlarged import Enlarged
from dreamclean.builtin.operators.grain import Grain
from dreamclean.builtin.planners.diagnosis.degradation import blur_words
from dreamclean.builtin.planners.diagnosis.diagnose import SURE
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.builtin.planners.diagnosis.noise_features import CLIPPED, FEWEST
from dreamclean.builtin.planners.diagnosis.resolution.narrowed import narrowed
from dreamclean.contracts.operator import LinearOperator, Operator
from dreamclean.method.measured import measured

LOUDER = 1.2
"""What is left is at most so many times as wide as the noise that was said; a blur of 1.15 times the true width leaves 1.36."""
BLOCK = 16
LEAST = 1 / 255
"""Where less than that is left, root mean square, nothing is wrong."""
NARROWER = 0.85
AGREED, SURE_AGREED = 0.55, 0.5
"""Least share of a doubtful noise, and of a sure one, that its removal takes away. Of clean texture, taken for noise, it is 0.32 to 0.53."""
SMALL_AGREED = 0.6
"""The same of the noise of a small picture that was enlarged."""


def revised(image: Tensor, diagnosis: Diagnosis, result: Tensor) -> Diagnosis | None:
    """A diagnosis in the place of the one that led from ``image`` to ``result``, both (1, 3, H, W); None: it stands.

    Asked of linear operators. A blur that is too wide cannot be undone without contradiction: it is taken for narrower.
    Grain is a start, not a projection: it has to be what the prior takes away, and so has the noise of a small picture that
    was enlarged. Of other linear operators the noise is taken for as loud as what is left.
    """
    operator = diagnosis.operator
    if isinstance(operator, Grain):
        sure = diagnosis.sure is not None and diagnosis.sure >= SURE
        least = SURE_AGREED if sure else AGREED
        return diagnosis.otherwise if taken_away(image, operator, result) < least else None
    if isinstance(operator, Enlarged) and operator.grain and _noise_kept(image, operator, result):
        return replace(
            diagnosis, operator=operator.model_copy(update={"grain": 0.0}), found=_after_noise(diagnosis.found)
        )
    if not isinstance(operator, LinearOperator):
        return None
    left, expected = unexplained(image, operator, result), said(operator, result)
    if isinstance(operator, Blur) and (image == image[:, :1]).all():  # grey: its noise is that of the channels' mean
        expected /= math.sqrt(3)
    if left < max(LEAST, LOUDER * expected):
        return None
    if isinstance(operator, Blur):
        blur = narrowed(operator, NARROWER)
        return replace(diagnosis, operator=blur, found=blur_words(blur))
    return replace(diagnosis, operator=operator.model_copy(update={"noise": float(f"{left:.4g}")}))


def taken_away(image: Tensor, grain: Grain, result: Tensor) -> float:
    """The share of the standard deviation of ``grain`` that the difference of ``image`` and ``result`` has, within blocks.

    The median over the blocks that are not clipped, if there are some: little is taken away where white or black cut the noise off.
    """
    taken = _within_blocks(image - result)
    clipped = _blocks(((image <= 0.5 / 255) | (image >= 254.5 / 255)).any(1, keepdim=True).float()).mean((1, 4, 5))
    whole = clipped <= CLIPPED
    taken = taken[whole] if int(whole.sum()) >= FEWEST else taken
    return float(taken.median()) / math.sqrt(at_a_pixel(grain.spectrum_of_noise()))


def _noise_kept(image: Tensor, operator: Enlarged, result: Tensor) -> bool:
    """Whether the noise that the small picture was said to have is still there. Of texture 0.5 was taken away, of noise 0.7 and more."""
    taken = _within_blocks(operator.small(image) - operator.shrink(result))
    return float(taken.median()) < SMALL_AGREED * operator.grain


def _within_blocks(change: Tensor) -> Tensor:
    """The standard deviation within each block, (1, rows, columns)."""
    return _blocks(change).var((4, 5), correction=0).mean(1).sqrt()


def _blocks(x: Tensor) -> Tensor:
    """(1, C, H, W) as (1, C, rows, columns, side, side): blocks of BLOCK pixels, of a smaller picture as large as it is."""
    side = min(BLOCK, *x.shape[-2:])
    return x.unfold(2, side, side).unfold(3, side, side)


def _after_noise(found: str) -> str:
    """The words without the noise that came first."""
    return found.partition("; then ")[2] or found


def unexplained(image: Tensor, operator: Operator, result: Tensor) -> float:
    """Root mean square of y - A x, [0, 1] scale, over what was measured."""
    y, _ = measured(image, operator)
    off = (y - operator.degrade(result)).square()
    return math.sqrt(float(off.sum()) / max(1.0, float((y != 0).sum())))


def said(operator: Operator, x: Tensor) -> float:
    """Root mean square, [0, 1] scale, of the noise that an operator says a measurement of ``x`` has, as it is drawn."""
    drawn = operator.measure(x, torch.Generator().manual_seed(0)) - operator.degrade(x)
    return float(drawn.square().mean().sqrt())
