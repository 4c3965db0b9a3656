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
    is linearised at x0. Costs the prior's backward pass besides.
    """

    name = "pigdm"

    def __call__(
        self, predict: Predict, x: Tensor, level: Level, operator: Operator, y: Tensor, codec: Codec
    ) -> Estimate:
        spread = codec.pixel_scale * level.sigma / (level.alpha**2 + level.sigma**2) ** 0.5
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            x0 = predict(x, level).x0
            image = codec.decode(x0)
            with torch.no_grad():
                residual = (operator.project(image, y, spread) - image) / spread**2
            (score,) = torch.autograd.grad(image, x, residual)
        return Estimate.from_x0(x.detach(), level, x0.detach() + level.sigma**2 / level.alpha * score)
