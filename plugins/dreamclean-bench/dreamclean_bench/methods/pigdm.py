"""PiGDM (Song, Vahdat, Mardani & Kautz, Pseudoinverse-Guided Diffusion Models for Inverse Problems, ICLR 2023)."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import DDIM, Estimate, Latent, Level
from dreamclean.contracts.levels import descending
from dreamclean_bench.method import Linear, LinearMethod, Problem
from dreamclean_bench.methods.ladder import Ladder
from dreamclean_bench.methods.sampling import first_latent


class PiGDM(Ladder, LinearMethod):
    """Pseudoinverse guidance (Algorithm 1): the gradient of log p(y | x_t), taken through the prior.

    With p(x_0 | x_t) = N(x0(x_t), r^2 I) (Eq. 4), g = (dx0/dx_t)^T A^T (r^2 A A^T + sigma_y^2 I)^-1 (y - A x0)
    (Eq. 7). It is added to a DDIM step with adaptive weight, a_i a_j r^2 (section 3.3 and the authors' code), or
    to the score that the step uses (Eq. 3), which is exact for data of unit variance.
    """

    name = "pigdm"
    paper: ClassVar[str] = "Pseudoinverse-Guided Diffusion Models for Inverse Problems (ICLR 2023)"
    eta: float = Field(default=1.0, ge=0, le=1, description="DDIM's eta: 0 deterministic, 1 ancestral")
    weight: Literal["adaptive", "score"] = Field(
        default="adaptive", description="Guidance added to the step with adaptive weight, or to the score"
    )

    def restore(self, problem: Problem) -> Tensor:
        linear, levels, step = problem.linear(), self.levels(problem.model.schedule), DDIM(eta=self.eta)
        x = first_latent(problem, levels[-1], self.strength)
        for level, lower in descending(levels):
            estimate, g = self._guide(problem, linear, x, level)
            if self.weight == "score":  # eps = -s score and x0 = (x + s^2 score) / a
                estimate = Estimate.from_eps(x, level, estimate.eps - level.sigma * g)
            below = step(Latent(x, level, estimate), lower, problem.estimate.denoise, problem.noise).x
            x = below if self.weight == "score" else below + level.alpha * lower.alpha * spread(level) * g
        return problem.model.codec.decode(x)

    def _guide(self, problem: Problem, linear: Linear, x: Tensor, level: Level) -> tuple[Estimate, Tensor]:
        """The prior's estimate at ``x``, and the gradient of log p(y | x_t) with respect to x, (B, 3, H, W)."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            eps, x0 = problem.estimate.prior(x, level)
            with torch.no_grad():
                residual = linear.solve(linear.y - linear.degrade(x0), spread(level), linear.sigma**2)
            (g,) = torch.autograd.grad(x0, x, residual)
        return Estimate(eps.detach(), x0.detach()), g


def spread(level: Level) -> float:
    """r_t^2 = s^2 / (a^2 + s^2), the variance of x_0 given x_t for data of unit variance (section 3.2)."""
    return level.sigma**2 / (level.alpha**2 + level.sigma**2)
