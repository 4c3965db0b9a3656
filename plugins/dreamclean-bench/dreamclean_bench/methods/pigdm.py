"""PiGDM (Song, Vahdat, Mardani & Kautz, Pseudoinverse-Guided Diffusion Models for Inverse Problems, ICLR 2023)."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from dreamclean import DDIM, Estimate, Level
from dreamclean.builtin.guidance import pigdm
from dreamclean_bench.method import LinearMethod, Problem
from dreamclean_bench.methods.ladder import Ladder
from dreamclean_bench.methods.sampling import sampled


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
        operator = problem.evenly()

        def adaptive(x: Tensor, level: Level) -> Estimate:
            own, g = pigdm.score(problem.estimate.prior, x, level, operator, problem.y, problem.model.codec)
            return Estimate(own.eps, own.x0 + level.alpha * pigdm.spread(level) * g)  # the step multiplies it with a_j

        guided = adaptive if self.weight == "adaptive" else problem.guided(pigdm.PiGDM())
        return sampled(problem, self.levels(problem.model.schedule), self.initializer, DDIM(eta=self.eta), guided)
