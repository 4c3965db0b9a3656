"""The contract of a degradation operator, what follows from ``degrade`` alone, and chains of operators.

For a measurement y = A x + n, n ~ N(0, S), and an estimate x0 of standard deviation r, the estimate that
agrees with y is x0 + r^2 A^T (r^2 A A^T + S)^-1 (y - A x0). Without noise it is the null-space projection
x0 + A^+ (y - A x0) of DDNM (Wang et al. 2023). A non-linear A is linearised at x0 (Gauss-Newton).

A chain of operators is an operator and ``@`` makes one of two, so both stand in this file.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator, model_validator
from pydantic.config import JsonDict
from torch import Tensor

from dreamclean.contracts.component import CHAIN, Component
from dreamclean.contracts.covariance import Covariance, Independent
from dreamclean.contracts.derivative import derivative
from dreamclean.contracts.double import double
from dreamclean.contracts.filled import filled
from dreamclean.contracts.least_squares import agreement, least_squares
from dreamclean.contracts.levels import Schedule
from dreamclean.contracts.measurement_noise import MeasurementNoise
from dreamclean.contracts.stages import Map, Propagated, Stages, linearized, through
from dreamclean.contracts.trial import size_by_trial


class Operator(MeasurementNoise):
    """A known degradation: images (B, 3, H, W) in [0, 1] to measurements y.

    ``degrade`` alone is enough if torch differentiates it, forwards and backwards; the rest follows by that and conjugate
    gradients. Override methods that have a closed form.
    """

    kind: ClassVar[str] = "operator"
    least_eta: ClassVar[float] = 0.86
    """The least share of noise drawn anew (a sampler's eta, 0 to 1) that ``detail`` 1 goes down to: below, noise that is kept
    shows. Less, where all of the picture is measured, if coarsely; 1 where what is measured says the rest."""

    @property
    def usual_eta(self) -> float:
        """The share of noise drawn anew where no ``detail`` is said, ``least_eta`` to 1: by default halfway between them."""
        return (1 + self.least_eta) / 2

    def __matmul__(self, first: "Operator") -> "Chain":
        """``self @ first``: the degradation ``first`` and then this one, each with its noise."""
        return Chain(links=(first, self)) if isinstance(first, Operator) else NotImplemented

    @abstractmethod
    def degrade(self, x: Tensor) -> Tensor:
        """The noiseless measurement A(x) of images ``x`` (B, 3, H, W) in [0, 1]."""

    def image_shape(self, y: Tensor) -> torch.Size:
        """Shape (B, 3, H, W) of the images whose measurement is shaped as ``y``.

        By default found from a trial measurement of a 96 x 96 image; override it if that is wrong.
        """
        return size_by_trial(self.degrade, y, self.name)

    def measure(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """``degrade`` and the measurement noise, drawn on the CPU from ``generator``."""
        return self.add_noise(self.degrade(x), generator)

    def linearize(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """A(x), and the derivative of A at ``x`` with its adjoint, as functions."""
        return derivative(self.degrade, x, self.name)

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        """The image nearest to agreement with ``y``, given an estimate ``x0`` of standard deviation ``std``.

        ``x0`` (B, 3, H, W) and ``std`` on the [0, 1] scale.
        """
        value, forward, adjoint = self.linearize(x0)
        return x0 + std**2 * agreement(forward, adjoint, y - value, std**2, self.noise_covariance(y))

    def dequantized(self, y: Tensor, x0: Tensor, std: float) -> Tensor:
        """The measurement that says to a projection what ``y`` says, given an estimate ``x0`` of standard deviation ``std``.

        A projection takes noise for normal. An operator that rounds has another kind: any value in an interval is as
        good as its middle. By default ``y``.
        """
        return y

    def completed(self, y: Tensor, made: Tensor) -> Tensor | None:
        """``y`` with numbers of ``made``, what this operator may have been given, where it loses them.

        None, as by default, where it does anything else to what it is given, white noise apart. For chains.
        """
        return None

    def start(self, y: Tensor) -> Tensor:
        """A first image (B, 3, H, W) for ``y``: the projection of mid-grey at a standard deviation of 0.5.

        Without noise, and for operators that keep constants, it is the pseudo-inverse's A^+ y. Where ``y`` does not tell
        white from grey, pixels are lost, and filled in from those around them: of grey a trace would remain.
        """
        grey = torch.full(self.image_shape(y), 0.5, dtype=y.dtype, device=y.device)
        start, seen = self.project(grey, y, 0.5), self.project(grey, self.degrade(2 * grey), 0.5) - grey
        lost = seen <= seen.amax((-2, -1), keepdim=True) / 2  # noise makes all of it less
        return self.project(filled(start, lost), y, 0.5) if lost.any() else start

    def recipe_for(self, schedule: Schedule, pixel_scale: float) -> Mapping[str, Any]:
        """Fields of a recipe for this degradation, over what a pixel-space prior recommends for known operators.

        ``schedule`` and ``pixel_scale`` are the prior's. All count or none: none where the user chooses the start
        (initializer, strength) or the guidance. By default empty.
        """
        return {}

    def from_picture(self, pixels: Tensor) -> Tensor:
        """The measurement that a picture file (B, 3, h, w) in [0, 1] shows.

        Override it if a measurement has one channel: ``pixels.mean(1, keepdim=True)``.
        """
        return pixels


class LinearOperator(Operator):
    """A linear degradation y = A x. ``degrade`` alone is enough; override ``solve`` for a closed form.

    A ``degrade`` that torch cannot differentiate needs an ``adjoint`` of its own, which is then used everywhere.
    """

    def linearize(self, x: Tensor) -> tuple[Tensor, Map, Map]:
        if self.has_own_adjoint:
            value = self.degrade(x)
            if self.image_shape(value) == x.shape:  # else ``degrade`` has left some of it out
                return value, self.degrade, self.adjoint
        value, pull, *_ = torch.func.vjp(self.degrade, x)
        return value, self.degrade, lambda v: pull(v)[0]

    @property
    def has_own_adjoint(self) -> bool:
        """Whether the class says how to compute ``adjoint``."""
        return type(self).adjoint is not LinearOperator.adjoint

    def adjoint(self, y: Tensor) -> Tensor:
        """A^T y: measurements to images. By default by automatic differentiation of ``degrade``."""
        return self.linearize(torch.zeros(self.image_shape(y), dtype=y.dtype, device=y.device))[2](y)

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        """A^T (gain A A^T + variance)^-1 v, in the least-squares sense if that is singular: an image."""
        zero = torch.zeros(self.image_shape(v), dtype=v.dtype, device=v.device)
        return least_squares(self.degrade, self.linearize(zero)[2], v, gain, variance)

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        """A^+ y = A^T (A A^T)^+ y."""
        return self.solve(y, 1.0, 0.0)

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        noise = self.noise_covariance(y)
        if not isinstance(noise, Independent):
            return super().project(x0, y, std)
        return x0 + std**2 * self.solve(y - self.degrade(x0), std**2, noise.variance)


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
    def least_eta(self) -> float:  # type: ignore[override]
        """The largest of its links', but no more than where noise has to be kept: one link of a chain may need it."""
        return min(max(link.least_eta for link in self.links), Operator.least_eta)

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
        return " | ".join(map(str, self.links))

    def degrade(self, x: Tensor) -> Tensor:
        return through(self.links, lambda link, x: link.degrade(x), x)

    def measure(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return through(self.links, lambda link, x: link.measure(x, generator), x)

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
        return linearized(self.links, y.new_full(self.image_shape(y), 0.5)).covariance(y)

    def linearize(self, x: Tensor) -> tuple[Tensor, Map, Map]:
        stages = linearized(self.links, x)
        return stages.value, stages.forward, stages.adjoint

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        """If the last link only loses numbers, that of the others, for which the lost ones are as they make them of ``x0``.

        That is a step of expectation maximization (Dempster, Laird & Rubin 1977); the exact one would need the inverse
        of a part of the others' covariance.
        """
        if (whole := self._whole(x0, y)) is not None:
            return self._others.project(x0, whole, std)
        stages = linearized(self.links, x0)
        return x0 + std**2 * self._step(stages, y - stages.value, std**2, stages.covariance(y))

    @property
    def _others(self) -> Operator:
        """All links but the last, whose white noise is added to that of the one before."""
        *before, near, last = self.links
        near = near.model_copy(update={"noise": math.hypot(near.noise, last.noise)})
        return Chain(links=(*before, near)) if before else near

    def _whole(self, x0: Tensor, y: Tensor) -> Tensor | None:
        """The last link's ``completed`` of ``y``, with what the others make of ``x0``."""
        last = self.links[-1]
        if last.completed(y, y) is None:  # asked first: what the others make takes time
            return None
        return last.completed(y, through(self.links[:-1], lambda link, x: link.degrade(x), x0))

    def dequantized(self, y: Tensor, x0: Tensor, std: float) -> Tensor:
        """The last link's, from what the others make of ``x0``; their noise adds to ``std``. Or the others', as ``project``."""
        if (whole := self._whole(x0, y)) is not None:
            return self.links[-1].degrade(self._others.dequantized(whole, x0, std))
        stages = linearized(self.links, x0)
        noise = stages.covariance(y)
        earlier = noise.earlier if isinstance(noise, Propagated) else 0.0
        return self.links[-1].dequantized(y, stages.each[-2].value, math.hypot(std, math.sqrt(earlier)))

    def _step(self, stages: Stages, b: Tensor, gain: float, noise: Covariance) -> Tensor:
        return agreement(stages.forward, stages.adjoint, b, gain, noise)


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
        exact = double(v)  # conjugate gradients lose digits where A is near singular
        return LinearOperator.solve(self, exact, gain, variance).to(v)

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        """In double precision, as ``solve``."""
        return super().project(double(x0), double(y), std).to(x0)

    def _whole(self, x0: Tensor, y: Tensor) -> Tensor | None:
        """None: of linear operators the inverse is known."""
        return None

    def _step(self, stages: Stages, b: Tensor, gain: float, noise: Covariance) -> Tensor:
        """With independent noise, which is the last link's alone, in double precision."""
        if isinstance(noise, Independent):
            return self.solve(b, gain, noise.variance)
        return super()._step(stages, b, gain, noise)
