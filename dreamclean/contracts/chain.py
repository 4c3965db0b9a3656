"""Chains of operators: a degradation in several steps, each with measurement noise of its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field, field_validator, model_validator
from pydantic.config import JsonDict
from torch import Tensor

from dreamclean.contracts.component import CHAIN, Component, written
from dreamclean.contracts.covariance import Covariance, Independent
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.least_squares import least_squares, weighted_solve
from dreamclean.contracts.operator import LinearOperator, Operator
from dreamclean.contracts.out_of_memory import lacks_memory

Map = Callable[[Tensor], Tensor]

_SCHEMA: JsonDict = {"items": {"type": "object", "title": "operator"}}


class Chain(Operator):
    """Several degradations, one after the other: y = A_n(... A_2(A_1(x) + n_1) + n_2 ...) + n_n.

    Written ``blur:std=1.2 | downsample:factor=2 | jpeg:quality=30`` in the order of what happened, or in Python as
    mathematics writes it, ``JPEG(quality=30) @ Downsample(factor=2) @ Blur(std=1.2)``. The noise of every link goes
    through the links after it: S = sum_i B_i S_i B_i^T, B_i their derivative (of a codec: 1, and its rounding is
    noise of the link). The derivatives, and the brightness that Poisson noise depends on, are taken at the estimate.
    A chain of linear operators is a ``LinearOperator``.

    ``noise`` and ``poisson`` are those of the last link.
    """

    name = CHAIN
    holds: ClassVar[Mapping[str, str]] = {"links": "operator"}
    links: tuple[Operator, ...] = Field(
        min_length=2, json_schema_extra=_SCHEMA, description="The operators in the order of what happened"
    )

    def __new__(cls, /, **settings: Any) -> "Chain":
        links = settings.get("links", ())
        linear = isinstance(links, Sequence) and links and all(isinstance(link, LinearOperator) for link in links)
        return super().__new__(LinearChain if linear else cls)

    @model_validator(mode="before")
    @classmethod
    def _last_noise(cls, settings: Any) -> Any:
        """Noise that is said of the chain is its last link's."""
        settings = dict(settings)
        said = {name: settings.pop(name) for name in Operator.model_fields if name in settings}
        links = settings.get("links")
        if said and isinstance(links, Sequence) and links and isinstance(links[-1], Operator):
            settings["links"] = (*links[:-1], links[-1].model_copy(update=said))
        return settings

    @field_validator("links", mode="before")
    @classmethod
    def _flat(cls, links: Any) -> Any:
        """A chain in a chain is its links."""
        if not isinstance(links, Sequence) or not all(isinstance(link, Operator) for link in links):
            raise ValueError("a link is an operator object; a string or a list of tables goes where the whole chain is")
        return tuple(single for link in links for single in (link.links if isinstance(link, Chain) else (link,)))

    @model_validator(mode="after")
    def _check(self) -> "Chain":
        for link, after in zip(self.links, self.links[1:], strict=False):
            if not link.viewable:
                raise ValueError(f"{link.name} makes no picture, so {after.name} cannot follow it; put it last")
        vars(self).update({name: getattr(self.links[-1], name) for name in Operator.model_fields})
        return self

    @property
    def viewable(self) -> bool:  # type: ignore[override]
        """Whether the last link's measurement is a picture."""
        return self.links[-1].viewable

    @classmethod
    def listed(cls) -> type[Component]:
        return Chain

    def from_python(self) -> bool:
        return any(link.from_python() for link in self.links)

    def spec(self) -> dict[str, Any]:
        return {"name": self.name, "links": [link.spec() for link in self.links]}

    def __repr__(self) -> str:
        """As Python makes it."""
        return " @ ".join(map(repr, reversed(self.links)))

    def __str__(self) -> str:
        """As strings are written."""
        return " | ".join(map(written, self.links))

    def degrade(self, x: Tensor) -> Tensor:
        for number, link in enumerate(self.links):
            with _fits(self.links, number, x):
                x = link.degrade(x)
        return x

    def measure(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        for number, link in enumerate(self.links):
            with _fits(self.links, number, x):
                x = link.measure(x, generator)
        return x

    def image_shape(self, y: Tensor) -> torch.Size:
        for link in reversed(self.links):
            y = y.new_zeros(()).expand(link.image_shape(y))
        return y.shape

    def from_picture(self, pixels: Tensor) -> Tensor:
        """What the last link reads in a picture; its mean over the channels where the chain makes one channel."""
        y = self.links[-1].from_picture(pixels)
        made = self.degrade(y.new_zeros(self.image_shape(y)))
        return y.mean(1, keepdim=True) if made.ndim == 4 and made.shape[1] == 1 else y

    def noise_variance(self, y: Tensor) -> Tensor | float:
        """Variance of the noise of all links in y; what earlier links add is the same everywhere, their mean."""
        last = self.links[-1].noise_variance(y)
        noise = self.noise_covariance(y)
        return last + noise.earlier if isinstance(noise, Propagated) else last

    def noise_covariance(self, y: Tensor) -> Covariance:
        """The covariance of all links' noise in y, around mid-grey; a projection takes it around its estimate."""
        return self._of_all(y, self._follow(y.new_full(self.image_shape(y), 0.5)))

    def linearize(self, x: Tensor) -> tuple[Tensor, Map, Map]:
        stages = self._follow(x)
        return stages[-1].value, lambda v: _through(stages, v), lambda v: _back(stages, v)

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        stages = self._follow(x0)
        noise = self._of_all(y, stages)
        b = y - stages[-1].value
        if isinstance(noise, Independent):
            return x0 + std**2 * self._solve(stages, b, std**2, noise.variance)
        step = weighted_solve(lambda v: _through(stages, v), lambda v: _back(stages, v), b, std**2, noise)
        return x0 + std**2 * step

    def _solve(self, stages: "list[Stage]", b: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        """With noise of the last link alone, which is independent."""
        forward, adjoint = (lambda v: _through(stages, v)), (lambda v: _back(stages, v))
        return least_squares(forward, adjoint, b, gain, variance, tolerance=1e-5, iterations=100)

    def _follow(self, x: Tensor) -> "list[Stage]":
        """The linearised links around ``x`` and what it is after each."""
        stages: list[Stage] = []
        for number, link in enumerate(self.links):
            with _fits(self.links, number, x):
                stages.append(Stage(*link.linearize(x)))
            x = stages[-1].value
        return stages

    def _of_all(self, y: Tensor, stages: "list[Stage]") -> Covariance:
        values = [*(stage.value for stage in stages[:-1]), y]
        each = [link.noise_covariance(value) for link, value in zip(self.links, values, strict=True)]
        if all(_silent(noise) for noise in each[:-1]):
            return each[-1]
        return Propagated(stages, each)


class LinearChain(Chain, LinearOperator):
    """A chain of linear operators: A = A_n ... A_1."""

    @field_validator("links")
    @classmethod
    def _linear(cls, links: tuple[Operator, ...]) -> tuple[Operator, ...]:
        for link in links:
            if not isinstance(link, LinearOperator):
                raise ValueError(f"{link.name} is not linear, the chain is; make another chain with @")
        return links

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        exact = v if v.device.type == "mps" else v.double()  # conjugate gradients lose digits where A is near singular
        return LinearOperator.solve(self, exact, gain, variance).to(v)

    def _solve(self, stages: "list[Stage]", b: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        return self.solve(b, gain, variance)


class Stage(NamedTuple):
    """One link, linearised: what it makes of an image, its derivative there and the adjoint of that."""

    value: Tensor
    forward: Map
    adjoint: Map


class Propagated(Covariance):
    """The noise of all links, as it is after the last: S = S_n + sum_i B_i S_i B_i^T, B_i the links after link i.

    ``solve`` takes what earlier links add as white, of its mean variance ``earlier`` (measured by one probe).
    """

    def __init__(self, stages: Sequence[Stage], each: Sequence[Covariance]) -> None:
        self._stages, self._each = stages, each
        value = stages[-1].value
        probe = torch.randn(value.shape[1:], generator=torch.Generator().manual_seed(0)).to(value).expand(value.shape)
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


@contextmanager
def _fits(links: Sequence[Operator], number: int, x: Tensor) -> Iterator[None]:
    """Turns what link ``number`` raises of ``x`` into a line that says so, where ``x`` is no colour picture."""
    try:
        yield
    except DreamCleanError:
        raise
    except Exception as error:
        colour = x.ndim == 4 and x.shape[1] == 3 and x.numel()
        if not number or colour or lacks_memory(error):
            raise
        before, link = links[number - 1].name, links[number].name
        raise DreamCleanError(
            f"{link} cannot take what {before} makes of this picture, {tuple(x.shape[1:])}; put it before {before}"
        ) from error


def _through(stages: Sequence[Stage], v: Tensor) -> Tensor:
    for stage in stages:
        v = stage.forward(v)
    return v


def _back(stages: Sequence[Stage], v: Tensor) -> Tensor:
    for stage in reversed(stages):
        v = stage.adjoint(v)
    return v


def _silent(noise: Covariance) -> bool:
    """Whether there is no noise at all."""
    return isinstance(noise, Independent) and not bool(torch.as_tensor(noise.variance).any())
