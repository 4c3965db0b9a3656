"""The loop: embed the picture, then resample it while a corrector keeps it where clean images live."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dreamclean.contracts.corrector import Corrector
from dreamclean.contracts.initializer import Initializer, Noise
from dreamclean.contracts.levels import Level, descending
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.prior import Ask, Estimate, Prior
from dreamclean.contracts.sampler import Sampler
from dreamclean.method.finite import finite

_CURE = "choose a lower strength or more steps"


@dataclass(frozen=True)
class Step:
    """What a listener is told: ``index`` steps of ``total`` are done and ``x`` is now at ``level``."""

    index: int
    total: int
    level: Level
    x: Tensor
    nfe: int
    x0: Tensor
    """The latest clean estimate, in model space as ``x``; ``prior.decode(x0)`` is a preview, (B, 3, H, W) near [0, 1]."""
    image: int = 0
    """``x[k]`` belongs to the image number ``image + k`` of the batch or of the list of pictures."""


class Estimator:
    """``estimate(x, level)``: the prior's belief of x, brought into agreement with the measurement.

    The prior's boundary: evaluations are counted (``nfe``, per image) and timed (``seconds``) here.
    """

    def __init__(self, prior: Prior, operator: Operator | None = None, measurement: Tensor | None = None) -> None:
        self._prior, self._operator, self._measurement = prior, operator, measurement
        self._known: tuple[Tensor, Level, Estimate] | None = None
        self._x0: Tensor | None = None
        self.nfe, self.seconds = 0, 0.0
        self.previous: tuple[Level, Tensor] | None = None
        """For multistep samplers: the level and the clean estimate of the step before, None at the first."""
        self.entry: Callable[[Tensor, Level], Tensor] | None = None
        """For initializers by which parts of the picture start lower: called with every latent and its level."""

    def prior(self, x: Tensor, level: Level) -> Estimate:
        """The prior's own estimate, whatever was measured. One evaluation."""
        return self._evaluate(self._prior.predict, x, level)

    def invert(self, x: Tensor, level: Level) -> Estimate:
        """The same on the way up, from the picture to the top level: without guidance. One evaluation."""
        return self._evaluate(self._prior.invert, x, level)

    def _evaluate(self, ask: Ask, x: Tensor, level: Level) -> Estimate:
        self._known = self._x0 = None  # their memory is better used
        began = time.perf_counter()
        estimate = ask(x, level)
        if x.is_cuda:
            torch.cuda.synchronize(x.device)
        self.nfe, self.seconds = self.nfe + 1, self.seconds + time.perf_counter() - began
        finite(estimate.eps, f"the prior's network (t = {level.t:g})", "run it in float32 (--dtype float32)")
        self._x0 = estimate.x0
        return estimate

    def __call__(self, x: Tensor, level: Level) -> Estimate:
        if self._known and self._known[0] is x and self._known[1] == level:
            self._x0 = self._known[2].x0
            return self._known[2]
        if self._operator is None or self._measurement is None:
            return self.prior(x, level)
        estimate = self._operator.guide(self.prior, x, level, self._measurement, self._prior)
        finite(
            estimate.eps,
            f"operator {self._operator.name} (t = {level.t:g})",
            "check its settings and noise, and the precision of a latent prior's autoencoder",
        )
        self._x0 = estimate.x0
        return estimate

    def remember(self, x: Tensor, level: Level, estimate: Estimate) -> None:
        """Say what the estimate at this very ``x`` is, so that it need not be evaluated; until another one is."""
        self._known = (x, level, estimate)

    def clean(self, x: Tensor, level: Level) -> Tensor:
        """The latest clean estimate; before the first one x / a, which is the start where no noise was added."""
        return x / level.a if self._x0 is None else self._x0


def restore(
    x: Tensor,
    levels: Sequence[Level],
    estimate: Estimator,
    initializer: Initializer,
    corrector: Corrector,
    sampler: Sampler,
    noise: Noise,
    on_step: Callable[[Step], object],
) -> Tensor:
    """DreamClean (paper, Algorithms A1 to A3): from the start ``x`` in model space to the clean image there."""
    total = len(levels) - 1
    x = finite(initializer(x, levels, estimate, noise), f"initializer {initializer.name}", _CURE)
    on_step(Step(0, total, levels[-1], x, estimate.nfe, estimate.clean(x, levels[-1])))
    for index, (level, lower) in enumerate(descending(levels), 1):
        x = finite(corrector(x, level, estimate, noise), f"corrector {corrector.name} (t = {level.t:g})", _CURE)
        x = finite(sampler(x, level, lower, estimate, noise), f"sampler {sampler.name} (t = {level.t:g})", _CURE)
        x = estimate.entry(x, lower) if estimate.entry else x
        on_step(Step(index, total, lower, x, estimate.nfe, estimate.clean(x, lower)))
    return x
