"""DDRM for JPEG (Kawar, Song, Ermon & Elad, JPEG Artifact Correction using DDRM, NeurIPS 2022 workshop)."""

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from dreamclean import JPEG, Estimate, ForwardNoising, Level, Operator, Prior, Schedule
from dreamclean_bench.method import PixelMethod, Problem
from dreamclean_bench.methods.ladder import Ladder, Strength
from dreamclean_bench.methods.sampling import renewing, sampled


class DDRMJPEG(Ladder, PixelMethod):
    """DDRM with the codec in place of the singular value decomposition: A is the encoder and A^+ the decoder.

    x0' = x0 - A^+ A x0 + A^+ y, then x_{t-1} = a' (eta_b x0' + (1 - eta_b) x0) + s' (eta z + sqrt(1 - eta^2) eps).
    It starts from the compressed picture; strength, steps, eta and eta_b are the published ones, and the levels are those of the
    published code: of 300 timesteps every 15th from 285 to 0, and then the picture.
    """

    name = "ddrm-jpeg"
    paper: ClassVar[str] = "JPEG Artifact Correction using Denoising Diffusion Restoration Models (2022)"
    strength: Strength = Field(
        default=300.0,
        description="One step above the first noise level: a timestep, or nsr:R for sigma / alpha = R; none: the highest",
    )
    steps: int = Field(default=20, ge=1, description="Noise levels, of even steps down to the lowest")
    eta: float = Field(default=1.0, ge=0, le=1, description="Share of fresh noise in each step")
    eta_b: float = Field(default=0.4, ge=0, le=1, description="Weight of the estimate that agrees with the measurement")

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        return super().refuses(operator, prior) or ("" if isinstance(operator, JPEG) else "needs the JPEG operator")

    def levels(self, schedule: Schedule) -> list[Level]:
        """The picture's own level, and ``steps`` from the lowest up to one step below ``strength``."""
        return self.from_lowest(schedule, [k / self.steps for k in range(self.steps)])

    def restore(self, problem: Problem) -> Tensor:
        codec, operator = problem.model.codec, problem.operator
        assert operator is not None
        y = codec.encode(problem.y)

        def guided(x: Tensor, level: Level) -> Estimate:
            eps, x0 = problem.estimate.prior(x, level)
            agreed = x0 - codec.encode(operator.degrade(codec.decode(x0))) + y
            return Estimate(eps, self.eta_b * agreed + (1 - self.eta_b) * x0)

        return sampled(problem, self.levels(problem.model.schedule), ForwardNoising(), renewing(self.eta), guided)
