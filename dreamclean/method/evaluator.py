"""The model's boundary: evaluations are counted and timed here, and estimates made and checked."""

import time
from dataclasses import replace

import torch
from torch import Tensor

from dreamclean.contracts.estimate import Denoise, Estimate
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.latent import Latent
from dreamclean.contracts.levels import Level
from dreamclean.contracts.measurement import Measurement
from dreamclean.contracts.model import Ask, Model
from dreamclean.contracts.operator import Operator
from dreamclean.method.asking import fitted, understated
from dreamclean.method.finite import finite
from dreamclean.method.tiling import Tiles


class Evaluator:
    """Evaluates a model, and counts: ``nfe`` evaluations per image so far, which took ``seconds``.

    With ``tiles``, large pictures are cut. With ``guidance``, ``operator`` and a measurement ``y``, the estimates of
    ``denoise`` agree with ``y``. ``understate``: the share by which the network is told less noise than there is.
    """

    def __init__(
        self,
        model: Model,
        guidance: Guidance | None = None,
        operator: Operator | None = None,
        y: Tensor | None = None,
        tiles: Tiles | None = None,
        understate: float = 0.0,
    ) -> None:
        self._model, self._guidance = model, guidance
        self._measured = None if operator is None or y is None else Measurement(operator, y, model.codec)
        asked = tiles or fitted(model)
        self._predict, self._invert = self._counted(asked.predict), self._counted(asked.invert or asked.predict)
        if understate:
            self._predict = understated(self._predict, model.schedule, understate)
        self.nfe, self.seconds = 0, 0.0
        self._x0: Tensor | None = None

    @property
    def model(self) -> Model:
        """The model for latents of any size and any level; what it is asked is counted."""
        return replace(self._model, predict=self._predict, invert=self._invert)

    @property
    def denoise(self) -> Denoise:
        """The callables for initializers, correctors and samplers."""
        alone = self._guidance is None or not self._guidance.agrees
        return Denoise(self._guided, self.prior, self.invert, self._measured if alone else None)

    def prior(self, x: Tensor, level: Level) -> Estimate:
        """The model's own estimate at ``x`` (B, C, H, W), without the measurement."""
        return self._estimate(self._predict, x, level)

    def invert(self, x: Tensor, level: Level) -> Estimate:
        """The same on the way up, from the picture to the top level: without a text's guidance."""
        return self._estimate(self._invert, x, level)

    def _estimate(self, ask: Ask, x: Tensor, level: Level) -> Estimate:
        self._x0 = None  # its memory is better used
        estimate = Estimate.from_eps(x, level, ask(x, level))
        self._x0 = estimate.x0
        return estimate

    def _counted(self, ask: Ask) -> Ask:
        def asked(x: Tensor, level: Level) -> Tensor:
            _settle(x)  # what was queued before is not the model's time
            began = time.perf_counter()
            eps = ask(x, level)
            _settle(eps)
            self.nfe, self.seconds = self.nfe + 1, self.seconds + time.perf_counter() - began
            return finite(eps, f"the prior's network (t = {level.t:g})", "run it in float32 (--dtype float32)")

        return asked

    def _guided(self, x: Tensor, level: Level) -> Estimate:
        if self._guidance is None or self._measured is None or level.sigma == 0:
            return self.prior(x, level)
        estimate = self._guidance(self.prior, x, level, *self._measured)
        finite(
            estimate.eps,
            f"operator {self._measured.operator.name} (t = {level.t:g})",
            "check its settings and noise, and the precision of a latent prior's autoencoder",
        )
        self._x0 = estimate.x0
        return estimate

    def clean(self, latent: Latent) -> Tensor:
        """The latest posterior mean; before the first one, x / a, which is the start if no noise was added."""
        return latent.x / latent.level.alpha if self._x0 is None else self._x0


def _settle(x: Tensor) -> None:
    """Wait for all that ``x``'s device has been told to compute."""
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
