"""The contract of a degradation operator, and everything that follows from ``degrade`` alone.

For a measurement y = A x + n, n ~ N(0, S), and an estimate x0 of standard deviation r, the estimate that
agrees with y is x0 + r^2 A^T (r^2 A A^T + S)^-1 (y - A x0). Without noise it is the null-space projection
x0 + A^+ (y - A x0) of DDNM (Wang et al. 2023). A non-linear A is linearised at x0 (Gauss-Newton).
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from dreamclean.contracts.component import Component
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.least_squares import least_squares


def check_noise(noise: float) -> float:
    """``noise`` itself, the standard deviation of a picture's noise; ValueError if it is not on the [0, 1] scale."""
    if noise > 1:
        raise ValueError(f"noise is on the [0, 1] scale; did you mean {noise:g}/255?")
    return noise


class Operator(Component):
    """A known degradation: images (B, 3, H, W) in [0, 1] to measurements y.

    ``degrade`` alone is enough if it is differentiable; the rest follows by automatic differentiation and conjugate
    gradients. Override methods that have a closed form.
    """

    kind: ClassVar[str] = "operator"
    viewable: ClassVar[bool] = True
    """Whether a measurement is a picture, (B, 1 or 3, h, w) near [0, 1]."""

    noise: float = Field(
        default=0.0, ge=0, description="Standard deviation of Gaussian measurement noise, [0, 1] scale"
    )
    poisson: float = Field(
        default=0.0, ge=0, description="Rate of Poisson noise: y = P(255 rate Ax) / (255 rate); 0: none"
    )

    @field_validator("noise")
    @classmethod
    def _noise(cls, noise: float) -> float:
        return check_noise(noise) if cls.viewable else noise

    @abstractmethod
    def degrade(self, x: Tensor) -> Tensor:
        """The noiseless measurement A(x) of images ``x`` (B, 3, H, W) in [0, 1]."""

    def image_shape(self, y: Tensor) -> torch.Size:
        """Shape (B, 3, H, W) of the images whose measurement is shaped as ``y``.

        By default found from a trial measurement of a 96 x 96 image; override it if that is wrong.
        """
        trial = self.degrade(torch.full((1, 3, 96, 96), 0.5, device=y.device)).shape
        if len(trial) == y.ndim == 4:
            shape = (y.shape[0], 3, y.shape[2] * 96 // trial[2], y.shape[3] * 96 // trial[3])
            if self.degrade(torch.zeros(shape, dtype=y.dtype, device=y.device)).shape == y.shape:
                return torch.Size(shape)
        advice = channel_advice(trial, y) or "override image_shape"
        raise DreamCleanError(
            f"{self.name}: cannot tell the image's size from a measurement of {tuple(y.shape)}; {advice}"
        )

    def measure(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """``degrade`` and the measurement noise, drawn on the CPU from ``generator``."""
        y = self.degrade(x)
        if self.poisson:
            rate = 255 * self.poisson
            y = (torch.poisson(y.clamp(min=0).cpu() * rate, generator=generator) / rate).to(y)
        if self.noise:
            y = y + self.noise * torch.randn(y.shape, generator=generator, dtype=y.dtype).to(y.device)
        return y

    def noise_variance(self, y: Tensor) -> Tensor | float:
        """Variance of the measurement noise: a number, or a tensor shaped as ``y``."""
        if not self.poisson:
            return self.noise**2
        return self.noise**2 + y.clamp(min=1 / 255) / (255 * self.poisson)

    def linearize(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """A(x), and the derivative of A at ``x`` with its adjoint, as functions."""
        value, pull, *_ = torch.func.vjp(self.degrade, x)
        return value, lambda v: torch.func.jvp(self.degrade, (x,), (v,))[1], lambda v: pull(v)[0]

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        """The image nearest to agreement with ``y``, given an estimate ``x0`` of standard deviation ``std``.

        ``x0`` (B, 3, H, W) and ``std`` on the [0, 1] scale.
        """
        value, forward, adjoint = self.linearize(x0)
        step = least_squares(
            forward, adjoint, y - value, std**2, self.noise_variance(y), tolerance=1e-5, iterations=100
        )
        return x0 + std**2 * step

    def start(self, y: Tensor) -> Tensor:
        """A first image (B, 3, H, W) for ``y``: the projection of mid-grey at a standard deviation of 0.5.

        Without noise, and for operators that keep constants, it is the pseudo-inverse's A^+ y.
        """
        return self.project(torch.full(self.image_shape(y), 0.5, dtype=y.dtype, device=y.device), y, 0.5)

    def from_picture(self, pixels: Tensor) -> Tensor:
        """The measurement that a picture file (B, 3, h, w) in [0, 1] shows.

        Override it if a measurement has one channel: ``pixels.mean(1, keepdim=True)``.
        """
        return pixels


class LinearOperator(Operator):
    """A linear degradation y = A x. ``degrade`` alone is enough; override ``solve`` for a closed form."""

    def linearize(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        value, pull, *_ = torch.func.vjp(self.degrade, x)
        return value, self.degrade, lambda v: pull(v)[0]

    def adjoint(self, y: Tensor) -> Tensor:
        """A^T y: measurements to images."""
        return self.linearize(torch.zeros(self.image_shape(y), dtype=y.dtype, device=y.device))[2](y)

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        """A^T (gain A A^T + variance)^-1 v, in the least-squares sense if that is singular: an image."""
        zero = torch.zeros(self.image_shape(v), dtype=v.dtype, device=v.device)
        return least_squares(self.degrade, self.linearize(zero)[2], v, gain, variance)

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        """A^+ y = A^T (A A^T)^+ y."""
        return self.solve(y, 1.0, 0.0)

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        return x0 + std**2 * self.solve(y - self.degrade(x0), std**2, self.noise_variance(y))


def channel_advice(made: torch.Size, y: Tensor) -> str:
    """What to do if an operator makes one channel and a measurement ``y`` has three; otherwise empty."""
    if len(made) == y.ndim == 4 and (made[1], y.shape[1]) == (1, 3):
        return (
            "a measurement has 1 channel here: give (B, 1, H, W), and for picture files let the operator override "
            "from_picture(self, pixels), e.g. return pixels.mean(1, keepdim=True)"
        )
    return ""


def differentiable(operator: Operator) -> bool:
    """Whether ``degrade`` passes a gradient on, tried on a small image unless the operator is linear."""
    if isinstance(operator, LinearOperator):
        return True
    try:
        with torch.enable_grad():
            return operator.degrade(torch.full((1, 3, 96, 96), 0.5, requires_grad=True)).requires_grad
    except DreamCleanError:  # an operator for images of one size only
        return True
