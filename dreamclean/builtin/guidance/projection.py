"""Noise-aware projection (DreamClean, section 3.5 and A.6; DDNM, Wang et al. 2023)."""

from torch import Tensor

from dreamclean.contracts.codec import Codec
from dreamclean.contracts.estimate import Estimate, Predict
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.levels import Level
from dreamclean.contracts.operator import Operator


class Projection(Guidance):
    """Project the posterior mean onto agreement with y, as far as y's noise allows (paper, section 3.5, A.6).

    x0 <- x0 + r^2 A^T (r^2 A A^T + S)^-1 (y - A x0), with r = s / a the assumed standard deviation of x0 and S
    the covariance of the measurement's noise; eps is computed again from the new x0.
    """

    name = "projection"

    def __call__(
        self, predict: Predict, x: Tensor, level: Level, operator: Operator, y: Tensor, codec: Codec
    ) -> Estimate:
        image = codec.decode(predict(x, level).x0)
        image = operator.project(image, y, level.ratio * codec.pixel_scale)
        return Estimate.from_x0(x, level, codec.encode(image))
