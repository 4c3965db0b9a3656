"""The degradation that explains a picture, from its file and its pixels, as an operator with its noise."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.planners.diagnosis.jpeg.estimate import estimate_jpeg
from dreamclean.builtin.planners.diagnosis.jpeg.found import Found, said_by_file
from dreamclean.builtin.planners.diagnosis.outliers.find import find_outliers
from dreamclean.builtin.planners.diagnosis.outliers.opinion import Ask
from dreamclean.builtin.planners.diagnosis.resolution.blur import estimate_blur
from dreamclean.builtin.planners.diagnosis.resolution.enlargement import estimate_enlargement
from dreamclean.contracts.operator import Operator

MILD = 3.0
"""Root mean square, of 255, of a JPEG's rounding, up to which the pixels tell what happened before it (quality 75)."""


class Explained(NamedTuple):
    """A degradation that explains a picture."""

    family: str
    """JPEG, outliers, enlarged or blurred; the first of them to happen, where JPEG came after."""
    operator: Operator
    sure: float
    words: str


def explained(image: Tensor, info: Mapping[str, Any], ask: Ask) -> Explained | None:
    """The degradation of ``image`` (1, 3, H, W) in [0, 1] that is no mere noise; None where none is sure.

    ``info``: of its file, as planners get it. ``ask``: what a prior expects, asked once where outliers are suspected.
    Each finder looks only where those before it found nothing, because damage of one kind looks like another kind to
    the later ones: a grid of blocks is soft, an enlarged picture blurred. A mild JPEG hides nothing and is the last link.
    """
    jpeg = said_by_file(info) or estimate_jpeg(image)
    if jpeg is not None and jpeg.rounding > MILD:
        return _compressed(jpeg)
    earlier = _lost(image, ask) or _enlarged(image) or _blurred(image)
    if jpeg is None or earlier is None:
        return earlier if jpeg is None else _compressed(jpeg)
    last = _compressed(jpeg)
    quiet = earlier.operator.model_copy(update={"noise": 0.0})  # what is taken for noise is the rounding
    return Explained(earlier.family, last.operator @ quiet, earlier.sure, f"{earlier.words}; {last.words}")


def _compressed(jpeg: Found) -> Explained:
    return Explained("JPEG", JPEG(**jpeg.shortest()), jpeg.sure, jpeg.words())


def _lost(image: Tensor, ask: Ask) -> Explained | None:
    found = find_outliers(image, ask)
    return found and Explained("outliers", found.operator, found.sure, found.words())


def _enlarged(image: Tensor) -> Explained | None:
    found = estimate_enlargement(image)
    if found is None:
        return None
    factor = "/".join(f"{value:.4g}" for value in found.operator.factor)
    method = found.operator.method.removesuffix("-0.75")
    return Explained("enlarged", found.operator, found.sure, f"enlarged {factor} times, {method}{_noise(found.operator)}")


def _blurred(image: Tensor) -> Explained | None:
    found = estimate_blur(image)
    if found is None:
        return None
    blur = found.operator
    width = {
        "gaussian": lambda: f"Gaussian blur, std {blur.std[0]:.2g} pixels",
        "defocus": lambda: f"out of focus, radius {blur.radius:.2g} pixels",
        "motion": lambda: f"motion blur, {blur.length:.2g} pixels at {blur.angle:.0f} degrees",
    }[blur.shape]()
    return Explained("blurred", blur, found.sure, width + _noise(blur))


def _noise(operator: Operator) -> str:
    return f", noise of standard deviation {operator.noise * 255:.1f} of 255" if operator.noise else ""
