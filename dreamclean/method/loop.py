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


class Estimator:
    """``estimate(x, level)``: the prior's belief of x, brought into agreement with the measurement.

    The prior's boundary: evaluations are counted (``nfe``, per image) and timed (``seconds``) here.
    """

    def __init__(self, prior: Prior, operator: Operator | None = None, measurement: Tensor | None = None) -> None:
        self._prior, self._operator, self._measurement = prior, operator, measurement
        self._known: tuple[Tensor, Level, Estimate] | None = None
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
        self._known = None  # its memory is better used
        began = time.perf_counter()
        estimate = ask(x, level)
        if x.is_cuda:
            torch.cuda.synchronize(x.device)
        self.nfe, self.seconds = self.nfe + 1, self.seconds + time.perf_counter() - began
        finite(estimate.eps, f"the prior's network (t = {level.t:g})", "run it in float32 (--dtype float32)")
        return estimate

    def __call__(self, x: Tensor, level: Level) -> Estimate:
        if self._known and self._known[0] is x and self._known[1] == level:
            return self._known[2]
        if self._operator is None or self._measurement is None:
            return self.prior(x, level)
        estimate = self._operator.guide(self.prior, x, level, self._measurement, self._prior)
        finite(
            estimate.eps,
            f"operator {self._operator.name} (t = {level.t:g})",
            "check its settings and noise, and the precision of a latent prior's autoencoder",
        )
        return estimate

    def remember(self, x: Tensor, level: Level, estimate: Estimate) -> None:
        """Say what the estimate at this very ``x`` is, so that it need not be evaluated; until another one is."""
        self._known = (x, level, estimate)


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
    on_step(Step(0, total, levels[-1], x, estimate.nfe))
    for index, (level, lower) in enumerate(descending(levels), 1):
        x = finite(corrector(x, level, estimate, noise), f"corrector {corrector.name} (t = {level.t:g})", _CURE)
        x = finite(sampler(x, level, lower, estimate, noise), f"sampler {sampler.name} (t = {level.t:g})", _CURE)
        x = estimate.entry(x, lower) if estimate.entry else x
        on_step(Step(index, total, lower, x, estimate.nfe))
    return x
