"""What stands between a run and a model's ``predict``, a wrapper a concern."""

from dataclasses import replace

from torch import Tensor

from dreamclean.contracts.brief import brief
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.levels import Level, Schedule
from dreamclean.contracts.model import Ask, Model
from dreamclean.contracts.padding import pad_to_multiple


def fitted(model: Model) -> Model:
    """``model`` for latents of any size and any level, the picture's own too; answers are shaped and typed as x."""

    def wrapped(ask: Ask) -> Ask:
        return padded(shaped(noisy(ask, model.schedule)), model.grid)

    return replace(model, predict=wrapped(model.predict), invert=wrapped(model.invert) if model.invert else None)


def noisy(ask: Ask, schedule: Schedule) -> Ask:
    """``ask``, which about the picture itself is asked as about its quietest level (there eps = (x - a x0) / s)."""
    return lambda x, level: ask(x, schedule.noisy(level))


def understated(ask: Ask, schedule: Schedule, share: float) -> Ask:
    """``ask``, told ``share`` less noise than there is: x0 = x / a - r' eps(x, r'), with r' = (1 - share) r.

    What the network takes for detail it leaves, so estimates are crisper and noisier (Garber & Tirer, arXiv 2412.20596).
    """

    def asked(x: Tensor, level: Level) -> Tensor:
        told = schedule.at(schedule.timestep((1 - share) * level.ratio))
        if not 0 < told.ratio < level.ratio:
            return ask(x, level)
        return ask(x * (told.alpha / level.alpha), told) * (told.ratio / level.ratio)

    return asked


def padded(ask: Ask, grid: int) -> Ask:
    """``ask`` for any size: sides are padded to multiples of ``grid``, and what comes back is cropped."""

    def asked(x: Tensor, level: Level) -> Tensor:
        eps = ask(pad_to_multiple(x, grid), level)
        return eps[..., : x.shape[-2], : x.shape[-1]].to(x.dtype)

    return asked


def shaped(ask: Ask) -> Ask:
    """``ask``; DreamCleanError unless it answers with a tensor of the shape of x."""

    def asked(x: Tensor, level: Level) -> Tensor:
        eps = ask(x, level)
        if getattr(eps, "shape", None) != x.shape:
            raise DreamCleanError(
                f"the prior's network (t = {level.t:g}) was asked about {tuple(x.shape)} and answered with {brief(eps)}; "
                "predict returns the noise, a tensor shaped as x"
            )
        return eps

    return asked
