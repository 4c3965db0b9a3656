"""The contract of a corrector, and the form that VPS, Langevin and gradient ascent share."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field
from torch import Tensor

from dreamclean.contracts.component import Component
from dreamclean.contracts.initializer import Noise
from dreamclean.contracts.levels import Level

if TYPE_CHECKING:
    from dreamclean.method.loop import Estimator


class Corrector(Component):
    """A move of latents within their noise level."""

    kind: ClassVar[str] = "corrector"

    @abstractmethod
    def __call__(self, x: Tensor, level: Level, estimate: "Estimator", noise: Noise) -> Tensor:
        """``x`` (B, C, H, W) at ``level`` to another latent at ``level``."""


class ScoreCorrector(Corrector):
    """x <- x - gamma s eps + c(gamma) s z, repeated ``steps`` times; c is what the subclasses differ in."""

    gamma: float = Field(default=0.05, gt=0, le=1, description="Step size gamma")
    steps: int = Field(default=1, ge=1, description="Repetitions M at each level")
    projected: bool = Field(
        default=True, description="With a known operator: see the estimate after projection, not before"
    )

    @abstractmethod
    def noise_scale(self) -> float:
        """c(gamma), the fresh noise's standard deviation in units of s."""

    def __call__(self, x: Tensor, level: Level, estimate: "Estimator", noise: Noise) -> Tensor:
        see = estimate if self.projected else estimate.prior
        for _ in range(self.steps):
            eps = see(x, level).eps
            x = x - self.gamma * level.s * eps
            if self.noise_scale():
                x = x + self.noise_scale() * level.s * noise(x)
        return x
