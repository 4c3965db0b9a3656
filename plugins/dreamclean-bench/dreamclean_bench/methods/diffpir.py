"""DiffPIR (Zhu et al., Denoising Diffusion Models for Plug-and-Play Image Restoration, CVPR workshop NTIRE 2023)."""

import math
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from dreamclean import Estimate, Level, Schedule
from dreamclean.builtin.guidance import diffpir
from dreamclean_bench.method import LinearMethod, Problem
from dreamclean_bench.methods.ladder import Ladder
from dreamclean_bench.methods.sampling import renewing, sampled


class DiffPIR(Ladder, LinearMethod):
    """Plug-and-play with the prior as a denoiser (Algorithm 1): a proximal data step at every noise level.

    x0' = argmin |y - A x|^2 + rho_t |x - x0|^2 = x0 + A^T (A A^T + rho_t)^-1 (y - A x0), rho_t = lambda sigma_n^2 /
    sigma_t^2 with sigma_t = s / a, then x_{t-1} = a' x0' + s' (sqrt(1 - zeta) eps' + sqrt(zeta) z), eps' that of x0'.

    The published code has sigma_n on the [0, 1] scale and sigma_t on [-1, 1]. So does this one, so that lambda
    means the same: lambda = 4 is the weight of Bayes' rule. Its levels are denser at low noise, t_k = T - T sqrt(k / (N - 1)), and at
    the lowest, t = 0, there is no data step.
    """

    name = "diffpir"
    paper: ClassVar[str] = "Denoising Diffusion Models for Plug-and-Play Image Restoration (NTIRE 2023)"
    lam: float = Field(default=8.0, gt=0, description="Regularization lambda (published: 7 to 10)")
    clip: bool = Field(default=True, description="Clip each posterior mean to [-1, 1], as the published code does")
    zeta: float = Field(default=0.3, ge=0, le=1, description="Share of fresh noise in each step")
    to_the_end: bool = Field(
        default=False,
        description="Take a data step at the lowest level too, as other libraries do and its own code does not",
    )

    def levels(self, schedule: Schedule) -> list[Level]:
        """The picture's own level, and ``steps`` from the lowest to the top."""
        last = max(self.steps - 1, 1)
        return self.from_lowest(schedule, [1 - math.sqrt(k / last) for k in reversed(range(self.steps))])

    def restore(self, problem: Problem) -> Tensor:
        proximal = problem.guided(diffpir.DiffPIR(lam=self.lam, clip=self.clip))
        levels = self.levels(problem.model.schedule)

        def guided(x: Tensor, level: Level) -> Estimate:
            ends = level == levels[1] and self.steps > 1 and not self.to_the_end
            return problem.estimate.prior(x, level) if ends else proximal(x, level)

        return sampled(problem, levels, self.initializer, renewing(math.sqrt(self.zeta)), guided)
