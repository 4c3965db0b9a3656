"""What both sides of a comparison are given: one network, one measurement, one sequence of noise."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from unittest.mock import patch

import torch
from dreamclean_bench.method import Method, Problem
from pydantic import PrivateAttr
from torch import Tensor

from dreamclean import Estimate, Inpaint, Level, Model, PixelCodec, Prior, Schedule, Spacing
from dreamclean.host.host import host

MethodT = TypeVar("MethodT", bound=Method)


class Tape:
    """Standard normal noise in an order that ``seed`` alone decides: the k-th call returns the k-th tensor."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        self._generator, self._scale = torch.Generator().manual_seed(seed), scale

    def __call__(self, like: Tensor, **_: Any) -> Tensor:
        drawn = torch.randn(like.shape, generator=self._generator, dtype=torch.float64)
        return self._scale * drawn.to(like)


@contextmanager
def played(tape: Tape) -> Iterator[None]:
    """``torch.randn_like`` plays the tape."""
    with patch("torch.randn_like", tape):
        yield


class Network(Prior):
    """A prior that keeps the latents it is asked about and the time that it takes.

    Latents are x = a x0 + s eps, (B, 3, H, W) with x0 in [-1, 1], float64.
    """

    name = "network"
    clip: bool = False
    """Clip each posterior mean to [-1, 1]."""
    _inner: Model = PrivateAttr()
    _seen: list[Tensor] = PrivateAttr(default_factory=list)
    _seconds: float = PrivateAttr(0.0)

    @classmethod
    def of(cls, inner: Model, clip: bool = False) -> "Network":
        network = cls(clip=clip)
        network._inner = inner
        return network

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        return Model(self._inner.schedule, lambda x, level: self.timed(self.look, x, level).eps)

    @property
    def schedule(self) -> Schedule:
        return self._inner.schedule

    @property
    def spacing(self) -> Spacing:
        spacing: Spacing = host().make("spacing", self.schedule.usual)
        return spacing

    def timed(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What ``function`` returns; its time, a conversion for the other library included, is the network's."""
        began = time.perf_counter()
        result = function(*arguments)
        self._seconds += time.perf_counter() - began
        return result

    def look(self, x: Tensor, level: Level) -> Estimate:
        """The estimate, not timed."""
        self._seen.append(x.detach().clone())
        estimate = Estimate.from_eps(x, level, self._inner.predict(x, level).to(x))
        return Estimate.from_x0(x, level, estimate.x0.clamp(-1, 1)) if self.clip else estimate

    def moves(self, last: Tensor | None = None) -> list[Tensor]:
        """What it was asked about after the start, and ``last``."""
        return self._seen[1:] if last is None else [*self._seen[1:], last]

    def watched(self, restore: Callable[[], list[Tensor]]) -> "Run":
        """``restore``, which returns the latents after each move, with what the network has seen before forgotten."""
        self._seen, self._seconds = [], 0.0
        began = time.perf_counter()
        with torch.no_grad():
            latents = restore()
        return Run(latents, time.perf_counter() - began, self._seconds)

    def denoise(self, x: Tensor, ratio: float, levels: Sequence[Level]) -> Tensor:
        """x0 for x / a, the variance-exploding latent that deepinv keeps, at the level of noise-to-signal ``ratio``.

        Raises ValueError for a ratio that is none of the ``levels``'.
        """
        level = min(levels[1:], key=lambda known: abs(known.ratio - ratio))
        if abs(level.ratio - ratio) > 1e-5 * ratio:
            raise ValueError(f"noise-to-signal ratio {ratio} is none of the ladder's; the nearest is {level.ratio}")
        return self.look(level.alpha * x.double(), level).x0.to(x)


@dataclass(frozen=True)
class Run:
    """The latents after every move, the first one left out, and the seconds it took in all and in the network."""

    latents: list[Tensor]
    seconds: float
    network_seconds: float


@dataclass(frozen=True)
class Case:
    """A network, and a picture with half its pixels lost and noise of standard deviation ``operator.noise``."""

    network: Network
    picture: Tensor
    """(1, 3, H, W) in [0, 1], float64."""
    operator: Inpaint
    steps: int
    seed: int = 0

    @property
    def mask(self) -> Tensor:
        return self.operator.known(*self.picture.shape[2:]).double().expand_as(self.picture)

    @property
    def y(self) -> Tensor:
        """The measurement, 0 where nothing was measured."""
        return self.mask * self.operator.measure(self.picture, torch.Generator().manual_seed(1))

    @property
    def problem(self) -> Problem:
        problem = Problem(self.y, self.y, self.operator, self.network, [self.seed])
        problem.noise = Tape(self.seed)
        return problem

    def ours(self, method: Method) -> Run:
        """A method of dreamclean-bench."""
        network, problem = self.network, self.problem
        return network.watched(lambda: network.moves(PixelCodec().encode(method.restore(problem))))


def on_levels(method: type[MethodT], levels: Sequence[Level]) -> type[MethodT]:
    """``method`` on the ladder of another library: ascending ``levels``, the first the picture's own."""

    class OnLevels(method):  # type: ignore[valid-type,misc]
        def levels(self, schedule: Schedule) -> list[Level]:
            return list(levels)

    return OnLevels


@dataclass(frozen=True)
class Pair:
    """One method of ours beside one of theirs."""

    name: str
    ours: str
    theirs: str
    run: Callable[[Case], tuple[Run, Run]]
    remark: str = ""
    """What one has to know of the settings; or why they differ."""
    equal: bool = True
    """Whether they should be equal."""
    tolerance: float = 1e-9
    """Largest difference, in standard deviations of the latent, that is rounding."""
    clip: bool = False
    """Both see the network's posterior means clipped to [-1, 1]."""
    noise: float = 1 / 16
    """Measurement noise, [0, 1] scale; a power of two, for deepinv keeps it in float32."""
    timed: bool = False
    """Whether the time outside the network is comparable: nothing is differentiated through it."""
