"""The links of a chain, taken one after the other: what they make of an image, their derivatives and their noise."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from dreamclean.contracts.covariance import Covariance, silent
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.least_squares import probe_like
from dreamclean.contracts.out_of_memory import lacks_memory

Map = Callable[[Tensor], Tensor]


class Link(Protocol):
    """What is needed of an operator here."""

    name: ClassVar[str]

    def linearize(self, x: Tensor) -> tuple[Tensor, Map, Map]: ...

    def noise_covariance(self, y: Tensor) -> Covariance: ...


L = TypeVar("L", bound=Link)


class Stage(NamedTuple):
    """One link, linearised: what it makes of an image, its derivative there, the adjoint of that, and its noise."""

    value: Tensor
    forward: Map
    adjoint: Map
    noise: Callable[[Tensor], Covariance]


class Stages(NamedTuple):
    """All links, linearised around an image."""

    each: Sequence[Stage]

    @property
    def value(self) -> Tensor:
        return self.each[-1].value

    def forward(self, v: Tensor) -> Tensor:
        for stage in self.each:
            v = stage.forward(v)
        return v

    def adjoint(self, v: Tensor) -> Tensor:
        for stage in reversed(self.each):
            v = stage.adjoint(v)
        return v

    def covariance(self, y: Tensor) -> Covariance:
        """Covariance of the noise of all links in the measurement ``y``."""
        values = [*(stage.value for stage in self.each[:-1]), y]
        noises = [stage.noise(value) for stage, value in zip(self.each, values, strict=True)]
        return noises[-1] if all(map(silent, noises[:-1])) else Propagated(self.each, noises)


def linearized(links: Sequence[Link], x: Tensor) -> Stages:
    """The links, linearised around the image ``x`` and what they make of it."""
    each: list[Stage] = []

    def follow(link: Link, x: Tensor) -> Tensor:
        each.append(Stage(*link.linearize(x), link.noise_covariance))
        return each[-1].value

    through(links, follow, x)
    return Stages(each)


def through(links: Sequence[L], act: Callable[[L, Tensor], Tensor], x: Tensor) -> Tensor:
    """What is left of ``x`` after ``act`` with each link in turn.

    DreamCleanError that names both if a link fails at what the one before it makes, which is not a colour picture.
    """
    for number, link in enumerate(links):
        try:
            x = act(link, x)
        except DreamCleanError:
            raise
        except Exception as error:
            colour = x.ndim == 4 and x.shape[1] == 3 and x.numel()
            if not number or colour or lacks_memory(error):
                raise
            before, made = links[number - 1].name, tuple(x.shape[1:])
            raise DreamCleanError(
                f"{link.name} cannot take what {before} makes of this picture, {made}; put it before {before}"
            ) from error
    return x


class Propagated(Covariance):
    """The noise of all links, as it is after the last: S = S_n + sum_i B_i S_i B_i^T, B_i the links after link i.

    ``solve`` takes what earlier links add as white, of its mean variance ``earlier`` (measured by one probe).
    """

    def __init__(self, stages: Sequence[Stage], each: Sequence[Covariance]) -> None:
        self._stages, self._each = stages, each
        value = stages[-1].value
        probe = probe_like(value)
        self.earlier = max(0.0, float((probe * self._of_earlier(probe)).mean()))

    def _of_earlier(self, v: Tensor) -> Tensor:
        backward = [v]
        for stage in reversed(self._stages[1:]):
            backward.append(stage.adjoint(backward[-1]))
        total = torch.zeros_like(backward[-1])
        for noise, after, u in zip(self._each, self._stages[1:], reversed(backward[1:]), strict=False):
            total = after.forward(total + noise.times(u))
        return total

    def times(self, v: Tensor) -> Tensor:
        return self._each[-1].times(v) + self._of_earlier(v)

    def solve(self, v: Tensor, gain: float) -> Tensor:
        return self._each[-1].solve(v, gain + self.earlier)
