"""Noise levels: every diffusion or flow model seen as a family ``x_t = a x_0 + s eps``, eps ~ N(0, I).

In formulas a and s, as in the paper; in code ``alpha`` and ``sigma``. The first level of every
ladder is the picture itself (a = 1, s = 0), in both directions, so that an inversion and the sampling after it have
the same end.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch

from dreamclean.contracts.errors import DreamCleanError, InvalidSetting
from dreamclean.contracts.strength import as_nsr

ROUNDED = 1e-3
"""By what share a strength may be above the highest level: it was written with few digits."""
MOST_STEPS = 10_000
"""The most steps of a schedule that has a level for every real number."""


class Level(NamedTuple):
    """A noise level: the model's timestep ``t``, signal scale ``alpha`` and noise scale ``sigma``."""

    t: float
    alpha: float
    sigma: float

    @property
    def ratio(self) -> float:
        """Noise-to-signal ratio sigma / alpha (infinite if no signal is left)."""
        return self.sigma / self.alpha if self.alpha > 0 else float("inf")

    def latent(self, x0: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
        """a x0 + s eps."""
        return (self.alpha * x0).add_(eps, alpha=self.sigma)


class Schedule(ABC):
    """The noise levels that a model knows, by timestep."""

    lowest: float
    highest: float
    usual: ClassVar[str] = "dreamclean/uniform"
    """The spacing of its levels where nobody names one, a component's name."""

    @abstractmethod
    def at(self, t: float) -> Level:
        """The level of timestep ``t``, ``lowest <= t <= highest``; DreamCleanError if the model does not have it."""

    @abstractmethod
    def timestep(self, ratio: float) -> float:
        """The timestep, of those that the model has, whose noise-to-signal ratio is nearest to ``ratio``."""

    def nearest(self, timesteps: Sequence[float]) -> Sequence[float]:
        """The timesteps, of those that the model has, nearest to ascending ``timesteps``, none of them twice."""
        return timesteps

    def most_steps(self, top: float) -> int:
        """The most steps that fit between the lowest timestep and ``top``."""
        return MOST_STEPS

    @property
    def clean(self) -> Level:
        """The picture's own level; a network is asked there at its lowest timestep."""
        return Level(self.lowest, 1.0, 0.0)

    def inside(self, t: float) -> float:
        """``t``; DreamCleanError unless ``lowest <= t <= highest``."""
        if not self.lowest <= t <= self.highest:
            raise DreamCleanError(f"there is no timestep {t:g}; the prior knows {self.lowest:g} to {self.highest:g}")
        return t

    def noisy(self, level: Level) -> Level:
        """``level``; where it has no noise, its alpha with the timestep and the sigma of the quietest that has some."""
        if level.sigma > 0:
            return level
        quietest = self.at(self.lowest)
        return Level(quietest.t, level.alpha, quietest.sigma)

    def resolve(self, strength: float | str) -> float:
        """The timestep of a strength: a timestep, or ``"nsr:R"`` with the noise-to-signal ratio R = sigma / alpha.

        Raises InvalidSetting for a strength that the model does not know.
        """
        if isinstance(strength, str):
            ratio, limit = float(as_nsr(strength).removeprefix("nsr:")), self.at(self.highest).ratio
            if not 0 < ratio <= limit * (1 + ROUNDED):
                raise InvalidSetting(
                    f"strength {strength} is outside what the prior knows; choose nsr up to {limit:.4g}"
                )
            return self.timestep(ratio)
        if not self.lowest < strength <= self.highest:
            raise InvalidSetting(
                f"strength {strength:g} is outside what the prior knows; choose more than {self.lowest:g} "
                f"and at most {self.highest:g}"
            )
        return self.at(strength).t

    def ladder(self, strength: float | str, steps: int, spacing: "Space") -> list[Level]:
        """``steps + 1`` ascending levels, from the picture's own to ``strength``, distributed by ``spacing``."""
        top = self.resolve(strength)
        timesteps = self.nearest(spacing(self, top, steps)) if steps <= self.most_steps(top) else []
        if len(set(timesteps)) <= steps:
            raise InvalidSetting(
                f"{steps} steps do not fit between the timesteps {self.lowest:g} and {top:g}; "
                "ask for fewer steps or a greater strength"
            )
        return [self.clean, *(self.at(t) for t in timesteps[1:])]


class DDPMSchedule(Schedule):
    """Variance-preserving levels, a = sqrt(abar_t), s = sqrt(1 - abar_t), t = 0 ... T - 1 (Ho et al. 2020)."""

    def __init__(self, alphas_cumprod: Sequence[float] | torch.Tensor) -> None:
        values = torch.as_tensor(alphas_cumprod, dtype=torch.float64).tolist()
        known = enumerate(value for value in values if value > 1e-8)  # a zero-terminal-SNR schedule ends at a = 0
        self.levels = [Level(t, value**0.5, (1 - value) ** 0.5) for t, value in known]
        self.lowest, self.highest = 0, len(self.levels) - 1

    @classmethod
    def linear(cls, steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> "DDPMSchedule":
        """Linear beta, the paper's own: 1e-4 ... 0.02 over T = 1000."""
        betas = torch.linspace(first, last, steps, dtype=torch.float64)
        return cls(torch.cumprod(1 - betas, 0))

    def at(self, t: float) -> Level:
        if self.inside(t) != round(t):
            raise DreamCleanError(
                f"timestep {t:g} is between two of the prior's; choose {math.floor(t)} or {math.ceil(t)}"
            )
        return self.levels[round(t)]

    def timestep(self, ratio: float) -> float:
        return min(self.levels[1:], key=lambda level: abs(level.ratio - ratio)).t

    def most_steps(self, top: float) -> int:
        return math.ceil(top - self.lowest)

    def nearest(self, timesteps: Sequence[float]) -> Sequence[float]:
        found = [round(t) for t in timesteps]
        for k in range(1, len(found)):  # where they are dense, one after the other
            found[k] = max(found[k], found[k - 1] + 1)
        for k in range(len(found)):
            found[k] = min(found[k], round(timesteps[-1]) - (len(found) - 1 - k))
        return found


class VESchedule(Schedule):
    """Variance-exploding levels, a = 1, s = sigma = t (Karras et al. 2022)."""

    usual = "dreamclean/karras"

    def __init__(self, lowest: float = 0.002, highest: float = 80.0) -> None:
        self.lowest, self.highest = lowest, highest

    def at(self, t: float) -> Level:
        return Level(self.inside(t), 1.0, t)

    def timestep(self, ratio: float) -> float:
        return min(max(ratio, self.lowest), self.highest)


class FlowSchedule(Schedule):
    """Flow-matching levels, a = 1 - t, s = t, 0 < t < 1 (Lipman et al. 2023; rectified flow)."""

    def __init__(self, lowest: float = 1e-3, highest: float = 0.999) -> None:
        self.lowest, self.highest = lowest, highest

    def at(self, t: float) -> Level:
        return Level(self.inside(t), 1.0 - t, t)

    def timestep(self, ratio: float) -> float:
        return min(max(ratio / (1 + ratio), self.lowest), self.highest)


Space = Callable[[Schedule, float, int], Sequence[float]]
"""A spacing: ``steps + 1`` ascending timesteps of a schedule, from its lowest to a top."""


def ascending(levels: Sequence[Level]) -> Iterator[tuple[Level, Level]]:
    """Pairs of neighbouring levels, from the picture upwards."""
    return pairwise(levels)


def descending(levels: Sequence[Level]) -> Iterator[tuple[Level, Level]]:
    """Pairs of neighbouring levels, from the top down to the picture."""
    return ascending(list(reversed(levels)))
