"""The prior as a denoiser: one evaluation."""

from typing import ClassVar

from torch import Tensor

from dreamclean import Identity, Operator, Prior
from dreamclean_bench.method import PixelMethod, Problem


class OneStep(PixelMethod):
    """The posterior mean for white noise of known strength: one evaluation at the level with as much noise.

    With y = x0 + sigma n the scaled a y is the latent of the level with s / a = sigma, whose x0 estimate is
    E[x0 | y] (Tweedie's formula; Robbins 1956, Miyasawa 1961).
    """

    name = "one-step"
    paper: ClassVar[str] = "Tweedie's formula"

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        why = super().refuses(operator, prior)
        plain = isinstance(operator, Identity) and operator.noise > 0 and not operator.poisson
        return why or ("" if plain else "is for Gaussian noise alone")

    def restore(self, problem: Problem) -> Tensor:
        model, sigma = problem.model, problem.linear().sigma
        level = model.schedule.at(model.schedule.timestep(sigma))
        x = level.alpha * model.codec.encode(problem.y)
        return model.codec.decode(problem.estimate.prior(x, level).x0)
