"""DPS (Chung, Kim, McCann, Klasky & Ye, Diffusion Posterior Sampling for General Noisy Inverse Problems, ICLR 2023)."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import Level, Operator, Prior
from dreamclean.contracts.differentiable import differentiable
from dreamclean_bench.method import Problem
from dreamclean_bench.methods.sampling import Ancestral, transition


class DPS(Ancestral):
    """Diffusion posterior sampling (Algorithm 1): ancestral steps, each followed by a gradient of the data term.

    x_{i-1} = x'_{i-1} - zeta grad_{x_i} |y - A(x0(x_i))|, the gradient taken through the prior. This is the
    gradient of the norm, as in the published code; the paper's zeta'/|.| times grad |.|^2 is twice that.
    y and x are on the [-1, 1] scale. The published code's zeta is 0.3 to 1 by task, at 1000 steps and
    256 x 256, for noise of standard deviation 0.05 on that scale: half of what 0.05 on [0, 1] is. With fewer steps it has to be larger. Works for every differentiable operator.
    """

    name = "dps"
    paper: ClassVar[str] = "Diffusion Posterior Sampling for General Noisy Inverse Problems (ICLR 2023)"
    zeta: float = Field(default=1.0, ge=0, description="Step size zeta of the gradient")
    normalized: bool = Field(
        default=True,
        description="Divide the squared distance's gradient by the distance; false: the likelihood of the known noise",
    )

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        if why := super().refuses(operator, prior):
            return why
        assert operator is not None
        if not (self.normalized or operator.noise or operator.poisson):
            return "normalized=false needs measurement noise"
        return "" if differentiable(operator) else "needs a differentiable operator"

    def guide(self, problem: Problem, x: Tensor, level: Level, lower: Level) -> tuple[Tensor, Tensor]:
        """x0(x), and the gradient with respect to x of the distance from y, each image's own, times the step size."""
        assert problem.operator is not None
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            x0 = problem.estimate.prior(x, level).x0
            x0 = x0.clamp(-1, 1) if self.clip else x0
            residual = 2 * (problem.y - problem.operator.degrade(problem.model.codec.decode(x0)))
            if self.normalized:
                distance = torch.linalg.vector_norm(residual.flatten(1), dim=1)
            else:
                variance = 4 * torch.as_tensor(problem.operator.noise_variance(problem.y))
                distance = (residual.square() / (2 * variance)).flatten(1).sum(1)
            (gradient,) = torch.autograd.grad(distance.sum(), x)
        return x0.detach(), -self._step_size(level, lower) * gradient

    def _step_size(self, level: Level, lower: Level) -> float:
        """zeta; for the likelihood zeta b / c, the factor of the score in an ancestral step."""
        if self.normalized:
            return self.zeta
        c, b = transition(level, lower)
        return self.zeta * b / c
