"""deepinv's linear physics as an operator."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from deepinv.physics import DecomposablePhysics, Denoising, LinearPhysics
from pydantic import PrivateAttr
from torch import Tensor

from dreamclean import DreamCleanError, Identity, LinearOperator, Schedule
from dreamclean_deepinv.noise import noise_of


class PhysicsOperator(LinearOperator):
    """A ``deepinv.physics.LinearPhysics`` over colour images; ``PhysicsOperator.of(physics)`` makes one.

    ``A`` and ``A_adjoint`` are the physics' own. Of a ``DecomposablePhysics`` so are ``prox_l2`` and ``A_dagger``, which
    are closed forms of its singular value decomposition; the other ones are solved with DreamClean's conjugate
    gradients, for ``LinearPhysics.prox_l2`` stops at a relative error of 1e-4, or after 50 iterations. A measurement is a
    tensor of whatever shape the physics makes, never a picture file. ``Denoising`` starts at the level of its noise, as
    ``identity`` does.
    """

    name = "deepinv"
    viewable: ClassVar[bool] = False
    _physics: LinearPhysics = PrivateAttr(None)

    @classmethod
    def of(cls, physics: LinearPhysics, **settings: Any) -> "PhysicsOperator":
        """The operator of ``physics``, with its noise model unless ``settings`` say ``noise`` or ``poisson``.

        The physics' parameters are read at every call: what changes in it changes in the operator, but not the noise.

        Raises:
            DreamCleanError: it is not linear, or its noise is neither Gaussian, Poisson nor uniform.
        """
        if not isinstance(physics, LinearPhysics):
            raise DreamCleanError(f"{type(physics).__name__} is not a deepinv.physics.LinearPhysics; restore blind")
        operator = cls(**(settings or noise_of(physics.noise_model)))
        operator._physics = physics
        return operator

    def from_python(self) -> bool:
        return True

    def degrade(self, x: Tensor) -> Tensor:
        y: Tensor = self._physics.A(x)
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        x: Tensor = self._physics.A_adjoint(y)
        return x

    def linearize(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        return self.degrade(x), self.degrade, self.adjoint

    def image_shape(self, y: Tensor) -> torch.Size:
        """That of ``A_adjoint``'s image; DreamCleanError if it has not three channels."""
        shape = self.adjoint(torch.zeros_like(y)).shape
        if len(shape) != 4 or shape[1] != 3:
            what = type(self._physics).__name__
            raise DreamCleanError(f"{what} is over images {tuple(shape)}; DreamClean restores (B, 3, H, W)")
        return shape

    def start(self, y: Tensor) -> Tensor:
        return y if isinstance(self._physics, Denoising) else super().start(y)

    def recipe_for(self, schedule: Schedule, pixel_scale: float) -> Mapping[str, Any]:
        if not isinstance(self._physics, Denoising):
            return {}
        return Identity(noise=self.noise, poisson=self.poisson).recipe_for(schedule, pixel_scale)

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        """A^T (gain A A^T + variance)^-1 v, of a decomposable physics in closed form.

        With gamma = gain / variance, ``prox_l2(0, v, gamma)`` is (A^T A + 1 / gamma)^-1 A^T v = gain times that.
        """
        number = not isinstance(variance, Tensor) or variance.numel() == 1
        if not (number and isinstance(self._physics, DecomposablePhysics)):
            return super().solve(v, gain, variance)
        if not (noise := float(variance)):
            return self._physics.A_dagger(v) / gain  # type: ignore[no-any-return]
        return self._physics.prox_l2(0, v, gain / noise) / gain  # type: ignore[no-any-return]
