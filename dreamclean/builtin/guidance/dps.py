"""Diffusion posterior sampling as guidance (Chung, Kim, McCann, Klasky & Ye, ICLR 2023)."""

import torch
from pydantic import Field
from torch import Tensor

from dreamclean.contracts.codec import Codec
from dreamclean.contracts.differentiable import differentiable
from dreamclean.contracts.estimate import Estimate, Predict
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.levels import Level
from dreamclean.contracts.operator import Operator


class DPS(Guidance):
    """The gradient of the distance from y, taken through the prior (Chung et al. 2023, Eq. 16 with |.| for |.|^2).

    g = -zeta grad_x |y - A(x0(x))| stands for the score of the measurement, and x0 <- x0 + s^2 / a g (Tweedie's
    formula), for any sampler; the paper's own step, which does not scale with the level, is the bench's ``dps``.
    Distances are those of pictures on [-1, 1]. Also needs the prior's backward pass.
    """

    name = "dps"
    zeta: float = Field(default=1.0, ge=0, description="Weight zeta of the gradient")

    def refuses(self, operator: Operator) -> str:
        return "" if differentiable(operator) else "it needs an operator with a gradient"

    def __call__(
        self, predict: Predict, x: Tensor, level: Level, operator: Operator, y: Tensor, codec: Codec
    ) -> Estimate:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            x0 = predict(x, level).x0
            residual = 2 * (y - operator.degrade(codec.decode(x0)))
            distance = torch.linalg.vector_norm(residual.flatten(1), dim=1).sum()
            (gradient,) = torch.autograd.grad(distance, x)
        return Estimate.from_x0(x.detach(), level, x0.detach() - self.zeta * level.sigma**2 / level.alpha * gradient)
