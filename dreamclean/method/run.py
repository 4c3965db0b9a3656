"""A run: one picture or a batch restored as it was resolved, while listeners are told of every step."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.step import Step
from dreamclean.contracts.warn import warn_of
from dreamclean.method import doubts
from dreamclean.method.checks import checked
from dreamclean.method.evaluator import Evaluator
from dreamclean.method.finite import NotFinite, finite
from dreamclean.method.loaded import sized
from dreamclean.method.loop import resample
from dreamclean.method.noise import seeded_noise
from dreamclean.method.resolved import Resolved, recipe_of_run
from dreamclean.method.restoration import Restoration, averaged

Listener = Callable[[Step], object]
"""Called after every step of a run; its result is not used. Copy ``step.x`` to keep it."""

_CODER = "the prior's encoder or decoder", "run it in float32 (--dtype float32)"


@dataclass(frozen=True)
class Watch:
    """Who is told of the steps of a run, and whether they are kept."""

    tell: Callable[[Step], None]
    """The plugins."""
    on_step: Listener | None = None
    trace: bool = False
    first: int = 0
    """How many images of a list or a batch come before it."""

    def after(self, images: int) -> "Watch":
        """The same for what comes ``images`` later."""
        return replace(self, first=self.first + images)

    def see(self, step: Step) -> list[Step]:
        """Tell of ``step``; what is kept of it."""
        step = replace(step, image=self.first)
        kept = [replace(step, x=step.x.to("cpu", copy=True), x0=step.x0.to("cpu", copy=True))] if self.trace else []
        if self.on_step:
            self.on_step(step)
        self.tell(step)
        return kept


def run(how: Resolved, y: Tensor, seeds: list[int], watch: Watch) -> Restoration[Tensor]:
    """Restore ``y`` (B, 3, H, W) in [0, 1], or a measurement of ``how.operator``, with one of ``seeds`` for each image.

    The mean of as many results as the recipe says, with consecutive seeds.
    """
    shifted = ([(seed + k) % 2**63 for seed in seeds] for k in range(how.recipe.samples))
    return averaged([_once(how, y, each, watch) for each in shifted])


def _once(how: Resolved, y: Tensor, seeds: list[int], watch: Watch) -> Restoration[Tensor]:
    steps: list[Step] = []
    done = 0
    began, operator = time.perf_counter(), how.operator
    y, path = y.contiguous(), how.path(how.levels)
    model = sized(how.model, *(operator.image_shape(y) if operator else y.shape)[-2:])
    evaluator = Evaluator(model, how.guidance, operator, y, how.tiles, how.recipe.understate or 0.0)
    try:
        latents = resample(  # holds the only reference to the start, so that its memory comes free
            finite(model.codec.encode(operator.start(y) if operator else y), *_CODER),
            how.levels,
            path,
            evaluator.denoise,
            checked(how.initializer, how.initializer),
            checked(how.corrector, how.corrector),
            checked(how.sampler, how.sampler),
            seeded_noise(seeds),
        )
        for index, latent in enumerate(latents):
            done = index + 1
            steps += watch.see(Step(index, len(path), latent.level, latent.x, evaluator.nfe, evaluator.clean(latent)))
    except NotFinite as error:
        raise DreamCleanError(f"step {done} of {len(path)}: {error}") from error
    decoded = finite(model.codec.decode(latent.x), *_CODER)
    image = decoded.clamp(0, 1)
    warn_of(doubts.of_values(decoded, operator) or doubts.of_agreement(image, operator, y))
    seconds = time.perf_counter() - began
    recipe = recipe_of_run(how.recipe, seeds[0], how.tiles)
    return Restoration(image, evaluator.nfe, seconds, evaluator.seconds, recipe, steps)
