"""Pseudoinverse guidance (Song, Vahdat, Mardani & Kautz, ICLR 2023)."""

import torch
from torch import Tensor

from dreamclean.contracts.codec import Codec
from dreamclean.contracts.estimate import Estimate, Predict
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.levels import Level
from dreamclean.contracts.operator import Operator


class PiGDM(Guidance):
    """Pseudoinverse guidance (Song et al. 2023, Eq. 3, 7): the gradient of log p(y | x_t), through the prior.

    With p(x0 | x_t) = N(x0(x_t), r^2 I), r^2 = s^2 / (a^2 + s^2), the score of the measurement is
    g = (dx0/dx_t)^T A^T (r^2 A A^T + S)^-1 (y - A x0), and x0 <- x0 + s^2 / a g (Tweedie's formula). A non-linear A
    is linearised at x0. Also needs the prior's backward pass.
    """

    name = "pigdm"

    def __call__(
        self, predict: Predict, x: Tensor, level: Level, operator: Operator, y: Tensor, codec: Codec
    ) -> Estimate:
        own, g = score(predict, x, level, operator, y, codec)
        return Estimate.from_x0(x, level, own.x0 + level.sigma**2 / level.alpha * g)


def score(
    predict: Predict, x: Tensor, level: Level, operator: Operator, y: Tensor, codec: Codec
) -> tuple[Estimate, Tensor]:
    """The prior's own estimate, and g with respect to ``x``, (B, C, H, W)."""
    std = codec.pixel_scale * spread(level) ** 0.5
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        eps, x0 = predict(x, level)
        image = codec.decode(x0)
        with torch.no_grad():
            residual = (operator.project(image, y, std) - image) / std**2
        (g,) = torch.autograd.grad(image, x, residual)
    return Estimate(eps.detach(), x0.detach()), g


def spread(level: Level) -> float:
    """r^2 = s^2 / (a^2 + s^2), the variance of x0 given x_t for data of unit variance."""
    return level.sigma**2 / (level.alpha**2 + level.sigma**2)
