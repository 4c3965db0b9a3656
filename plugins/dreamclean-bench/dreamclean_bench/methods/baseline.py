"""Baselines: no prior and no learning."""

from typing import ClassVar

from torch import Tensor

from dreamclean import LinearOperator, Operator, Prior
from dreamclean.builtin.operators.resampling import Enlarging, enlargement
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
    kernel: ClassVar[Enlarging] = "bicubic"

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        return super().refuses(operator, prior) or ("" if operator and operator.viewable else "needs a picture")

    def restore(self, problem: Problem) -> Tensor:
        y, (height, width) = problem.y, problem.shown.shape[-2:]
        if y.shape[-2] >= height and y.shape[-1] >= width:
            return problem.shown
        rows, columns = (
            enlargement(small, large, self.kernel).to(y)
            for small, large in ((y.shape[-2], height), (y.shape[-1], width))
        )
        return (rows @ y @ columns.mT).expand(-1, 3, -1, -1)


class Lanczos(Bicubic):
    """Lanczos enlargement (three lobes, as Pillow's) of a measurement that is smaller than the image."""

    name = "lanczos"
    kernel: ClassVar[Enlarging] = "lanczos"


class DGP(Method):
    """Deep Generative Prior (Pan et al., ECCV 2020), a row of the paper's Tables 1 and 2. Refused."""

    name = "dgp"
    paper: ClassVar[str] = "Exploiting Deep Generative Prior for Versatile Image Restoration and Manipulation (2020)"

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        return "retrains BigGAN for each picture; needs no diffusion prior"

    def restore(self, problem: Problem) -> Tensor:
        raise NotImplementedError
