"""The prior's boundary: evaluations are counted and timed here, and estimates checked."""

import time

import torch
from torch import Tensor

from dreamclean.contracts.estimate import Denoise, Estimate, Predict
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.latent import Latent
from dreamclean.contracts.levels import Level
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.prior import Prior
from dreamclean.method.finite import finite
from dreamclean.method.tiling import Tiles


class Evaluator:
    """Evaluates a prior, and counts: ``nfe`` evaluations per image so far, which took ``seconds``.

    With ``tiles``, large pictures are cut. With ``guidance``, ``operator`` and a measurement ``y``, the estimates of
    ``denoise`` agree with ``y``.
    """

    def __init__(
        self,
        prior: Prior,
        guidance: Guidance | None = None,
        operator: Operator | None = None,
        y: Tensor | None = None,
        tiles: Tiles | None = None,
    ) -> None:
        self._prior, self._guidance, self._operator, self._y = prior, guidance, operator, y
        self._asked: Prior | Tiles = tiles or prior
        self.nfe, self.seconds = 0, 0.0
        self._x0: Tensor | None = None

    @property
    def denoise(self) -> Denoise:
        """The callables for initializers, correctors and samplers."""
        return Denoise(self._guided, self.prior, self.invert)

    def prior(self, x: Tensor, level: Level) -> Estimate:
        """The prior's own estimate at ``x`` (B, C, H, W), without the measurement."""
        return self._evaluate(self._asked.predict, x, level)

    def invert(self, x: Tensor, level: Level) -> Estimate:
        """The same on the way up, from the picture to the top level: without a text's guidance."""
        return self._evaluate(self._asked.invert, x, level)

    def _evaluate(self, predict: Predict, x: Tensor, level: Level) -> Estimate:
        self._x0 = None  # its memory is better used
        began = time.perf_counter()
        estimate = predict(x, level)
        if x.is_cuda:
            torch.cuda.synchronize(x.device)
        self.nfe, self.seconds = self.nfe + 1, self.seconds + time.perf_counter() - began
        finite(estimate.eps, f"the prior's network (t = {level.t:g})", "run it in float32 (--dtype float32)")
        self._x0 = estimate.x0
        return estimate

    def _guided(self, x: Tensor, level: Level) -> Estimate:
        if self._guidance is None or self._operator is None or self._y is None or level.sigma == 0:
            return self.prior(x, level)
        estimate = self._guidance(self.prior, x, level, self._operator, self._y, self._prior)
        finite(
            estimate.eps,
            f"operator {self._operator.name} (t = {level.t:g})",
            "check its settings and noise, and the precision of a latent prior's autoencoder",
        )
        self._x0 = estimate.x0
        return estimate

    def clean(self, latent: Latent) -> Tensor:
        """The latest posterior mean; before the first one, x / a, which is the start if no noise was added."""
        return latent.x / latent.level.alpha if self._x0 is None else self._x0
