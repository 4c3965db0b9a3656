"""DiffPIR's data step (Zhu et al., Denoising Diffusion Models for Plug-and-Play Image Restoration, NTIRE 2023)."""

import math

from pydantic import Field
from torch import Tensor

from dreamclean.contracts.codec import Codec
from dreamclean.contracts.estimate import Estimate, Predict
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.levels import Level
from dreamclean.contracts.operator import Operator


class DiffPIR(Guidance):
    """The proximal data step of DiffPIR (Zhu et al. 2023, Algorithm 1): the prior's answer is weighted by lambda.

    x0 <- argmin |y - A x|^2 + rho |x - x0|^2 with rho = lambda sigma_n^2 / sigma_t^2, sigma_t = s / a on the scale
    [-1, 1] and sigma_n on [0, 1], as published; lambda = 4 is the weight of Bayes' rule.
    """

    name = "diffpir"
    lam: float = Field(default=8.0, gt=0, description="Regularization lambda (published: 7 to 10)")
    clip: bool = Field(default=True, description="Clip each posterior mean to [0, 1], as the published code does")

    def __call__(
        self, predict: Predict, x: Tensor, level: Level, operator: Operator, y: Tensor, codec: Codec
    ) -> Estimate:
        image = codec.decode(predict(x, level).x0)
        image = image.clamp(0, 1) if self.clip else image
        spread = 2 * codec.pixel_scale * level.ratio  # sigma_t, were the picture on [-1, 1]
        image = operator.project(image, y, spread / math.sqrt(self.lam))
        return Estimate.from_x0(x, level, codec.encode(image))
