"""Baselines: no prior and no learning."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from dreamclean import LinearOperator, Operator, Prior
from dreamclean_bench.method import Method, Problem


class Input(Method):
    """The measurement itself, as the picture that a user has."""

    name = "input"
    blind: ClassVar[bool] = True
    uses_prior: ClassVar[bool] = False

    def restore(self, problem: Problem) -> Tensor:
        return problem.shown


class PseudoInverse(Method):
    """A^+ y: the least-norm image among those that fit the measurement best.

    For a non-linear operator, its first image. The paper's baseline (Tables 1 and 2: nearest upscaling).
    """

    name = "pseudo-inverse"
    uses_prior: ClassVar[bool] = False

    def restore(self, problem: Problem) -> Tensor:
        operator = problem.operator
        assert operator is not None
        return operator.pseudo_inverse(problem.y) if isinstance(operator, LinearOperator) else operator.start(problem.y)


class Bicubic(Method):
    """Bicubic enlargement (Keys 1981, a = -0.5, as Pillow's) of a measurement that is smaller than the image.

    A measurement of the image's size is returned as it is shown.
    """

    name = "bicubic"
    uses_prior: ClassVar[bool] = False

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        return super().refuses(operator, prior) or ("" if operator and operator.viewable else "needs a picture")

    def restore(self, problem: Problem) -> Tensor:
        size = problem.shown.shape[-2:]
        if problem.y.shape[-2] >= size[0] and problem.y.shape[-1] >= size[1]:
            return problem.shown
        enlarged = F.interpolate(problem.y, size, mode="bicubic", antialias=True)
        return enlarged.expand(-1, 3, -1, -1)
