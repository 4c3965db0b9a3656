"""The contract of a method: from a measurement, its operator and a prior to a restored image."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from dreamclean import Component, DreamCleanError, Evaluator, Guidance, LinearOperator, Model, Operator, Prior
from dreamclean.contracts.estimate import Predict
from dreamclean.method.loaded import load
from dreamclean.method.noise import seeded_noise


@dataclass
class Problem:
    """What a method is given: a batch of measurements made by one operator.

    ``estimate.prior(x, level)`` is one evaluation of the prior. It counts them and their time, and can be
    differentiated under ``torch.enable_grad``. ``noise(x)`` is standard normal noise shaped as ``x``, from
    generators that belong to the images.
    """

    y: Tensor
    """The measurement, (B, ...), as ``operator.measure`` makes it from images in [0, 1]."""
    shown: Tensor
    """The measurement as the picture that a user has, (B, 3, H, W) in [0, 1]; the only input of a blind method."""
    operator: Operator | None
    """The degradation, or None if it is unknown (pairs of pictures)."""
    prior: Prior
    seeds: Sequence[int]
    loaded: InitVar[Model | None] = None

    def __post_init__(self, loaded: Model | None) -> None:
        self.model = loaded or load(self.prior, self.shown.device, torch.float32)
        """What the prior loaded: its noise levels, and the way from pictures to its latents and back."""
        self.estimate = Evaluator(self.model)
        self.noise: Callable[[Tensor], Tensor] = seeded_noise(self.seeds)

    @property
    def start(self) -> Tensor:
        """The operator's first image of the measurement, in the model's space (B, C, H, W)."""
        assert self.operator is not None
        return self.model.codec.encode(self.operator.start(self.y))

    @property
    def blank(self) -> Tensor:
        """A black image in the model's space, of the size of ``start``: for a method that starts from noise alone."""
        assert self.operator is not None
        return self.model.codec.encode(self.shown.new_zeros(self.operator.image_shape(self.y)))

    def evenly(self) -> LinearOperator:
        """The operator as most papers know it: if the noise differs from pixel to pixel, with its root mean square."""
        assert isinstance(self.operator, LinearOperator)
        if not self.operator.poisson:
            return self.operator
        return self.operator.model_copy(update={"noise": self.linear().sigma / 2, "poisson": 0.0})

    def guided(self, guidance: Guidance) -> Predict:
        """The prior's estimate, brought into agreement with the measurement by ``guidance``."""
        return partial(guidance, self.estimate.prior, operator=self.evenly(), y=self.y, codec=self.model.codec)

    def linear(self) -> "Linear":
        """The problem in the prior's pixel space, where most papers state their method."""
        assert isinstance(self.operator, LinearOperator)
        return Linear(self.operator, self.y)


class Linear:
    """y = A x + n for images x in [-1, 1] rather than [0, 1]: the same A, y' = 2 y - A 1, noise twice as strong."""

    def __init__(self, operator: LinearOperator, y: Tensor) -> None:
        self.operator = operator
        ones = torch.ones(operator.image_shape(y), dtype=y.dtype, device=y.device)
        self.y = 2 * y - operator.degrade(ones)
        variance = 4 * torch.as_tensor(operator.noise_variance(y))
        self.sigma = float(variance.mean().sqrt())
        """Standard deviation of the noise of ``y``; if it differs from pixel to pixel, the root mean square."""

    def degrade(self, x: Tensor) -> Tensor:
        """A x."""
        return self.operator.degrade(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """A^T y."""
        return self.operator.adjoint(y)

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        """A^+ y."""
        return self.operator.pseudo_inverse(y)

    def solve(self, v: Tensor, gain: float, variance: float) -> Tensor:
        """A^T (gain A A^T + variance)^-1 v."""
        return self.operator.solve(v, gain, variance)


class Method(Component):
    """A way to restore an image. Its fields are its settings, ``ddrm:eta=0.85,steps=20`` in the string form."""

    kind: ClassVar[str] = "method"
    blind: ClassVar[bool] = False
    """Whether it restores without the operator; such a method looks at ``problem.shown`` alone."""
    uses_prior: ClassVar[bool] = True
    """Whether it evaluates the prior. If not, its results are valid for every prior."""
    paper: ClassVar[str] = ""
    """The paper, for the report."""

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        """Why the method cannot do a task, in a few words; empty if it can."""
        if self.blind:
            return "" if operator is None or operator.viewable else "needs a picture"
        return "" if operator is not None else "needs the operator"

    @property
    def source(self) -> Path | None:
        """The file, or the folder, of the method's own network; None: it has none."""
        return None

    def load(self) -> None:
        """Read what ``restore`` needs besides the prior; called before a restoration is timed."""

    @abstractmethod
    def restore(self, problem: Problem) -> Tensor:
        """The restored images, (B, 3, H, W), nominally in [0, 1]. Called under ``torch.no_grad``."""

    def __call__(self, problem: Problem) -> Tensor:
        """``restore``, clipped to [0, 1]. DreamCleanError for a task that the method refuses."""
        if why := self.refuses(problem.operator, problem.prior):
            raise DreamCleanError(f"{self.name}: {why}")
        with torch.no_grad():
            return self.restore(problem).clamp(0, 1)


class PixelMethod(Method):
    """A method whose paper works on pixels in [-1, 1] with a known operator."""

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        if prior.space != "pixel":
            return "works in pixel space"
        return super().refuses(operator, prior)


class LinearMethod(PixelMethod):
    """A method for linear operators."""

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        why = super().refuses(operator, prior)
        return why or ("" if isinstance(operator, LinearOperator) else "needs a linear operator")
