"""GDP (Fei et al., Generative Diffusion Prior for Unified Image Restoration and Enhancement, CVPR 2023)."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import Blur, Colorize, Inpaint, Level, Operator, Prior
from dreamclean.contracts.differentiable import differentiable
from dreamclean_bench.ddrm_blur import DDRMBlur
from dreamclean_bench.method import Problem
from dreamclean_bench.methods.sampling import Ancestral, transition

_PUBLISHED = 3 * 256 * 256  # values in an image of the published experiments, over which their error is a mean
_SCALES = {Inpaint: 4000.0, Blur: 6000.0, DDRMBlur: 6000.0, Colorize: 6000.0}
_SCALE = 2000.0
"""The published scales: downsampling's for what they do not have."""


class GDP(Ancestral):
    """Generative diffusion prior, its variant GDP-x0 with a known degradation.

    Ancestral sampling whose mean is shifted by -s Sigma grad_{x0} L(y, A(x0)), L the mean squared error on
    the [0, 1] scale and the gradient with respect to the posterior mean, not through the prior. The authors
    leave the step's variance Sigma out, as it harmed quality; ``weighted`` puts it back. Their scale is for
    256 x 256 images; here it means the same for every size. The paper's quality losses belong to
    enhancement tasks and are left out.
    """

    name = "gdp"
    paper: ClassVar[str] = "Generative Diffusion Prior for Unified Image Restoration and Enhancement (CVPR 2023)"
    scale: float | None = Field(
        default=None,
        ge=0,
        description="Guidance scale s, as for a 256 x 256 image; none: the published one, by operator 2000, 4000 or 6000",
    )
    weighted: bool = Field(default=False, description="Weight the gradient by the step's variance Sigma")

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        if why := super().refuses(operator, prior):
            return why
        assert operator is not None
        return "" if differentiable(operator) else "needs a differentiable operator"

    def guide(self, problem: Problem, x: Tensor, level: Level, lower: Level) -> tuple[Tensor, Tensor]:
        """x0(x), and the gradient with respect to x0 of each image's mean squared error, scaled."""
        assert problem.operator is not None
        x0 = problem.estimate.prior(x, level).x0
        x0 = x0.clamp(-1, 1) if self.clip else x0
        with torch.enable_grad():
            x0 = x0.detach().requires_grad_()
            residual = problem.y - problem.operator.degrade(problem.model.codec.decode(x0))
            (gradient,) = torch.autograd.grad(residual.square().flatten(1).mean(1).sum(), x0)
        _, b = transition(level, lower)
        variance = b * lower.sigma**2 / level.sigma**2 if self.weighted else 1.0
        scale = _published(problem.operator) if self.scale is None else self.scale
        return x0.detach(), -scale * x[0].numel() / _PUBLISHED * variance * gradient


def _published(operator: Operator) -> float:
    return next((scale for kind, scale in _SCALES.items() if isinstance(operator, kind)), _SCALE)
