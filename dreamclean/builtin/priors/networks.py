"""Pixel-space networks in diffusers' format, and the noise in what they answer, as their scheduler's config says."""

import math
from typing import Any

import torch
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.levels import DDPMSchedule, Level, Schedule, VESchedule


class Network:
    """A ``UNet2DModel`` or a ``DiTTransformer2DModel`` in pixel space, and the class it is told, if it knows classes.

    Without a ``label`` a network with classes is told the class that stands for none, if it has one: the one after the
    last of its classes, which classifier-free guidance is trained with (a DiT's class dropout).
    """

    def __init__(self, module: Any, label: int | None = None) -> None:
        self.module, self.label = module, label
        classes, none = _classes(module)
        if label is None and classes:
            self.label = none
            if none is None:
                raise DreamCleanError(
                    f"the prior knows {classes} classes of pictures; say which, label=0 to {classes - 1}"
                )
        elif label is not None and not 0 <= label < classes + (none is not None):
            known = f"classes 0 to {classes - 1}" if classes else "no classes"
            raise DreamCleanError(f"label {label} is not the prior's, which knows {known}")

    def __call__(self, x: Tensor, t: float) -> Tensor:
        """The output at ``x`` (B, 3, H, W); of a network that learns its variance too, the first half of the channels."""
        height, width = x.shape[-2:]
        x = self._square(x).to(self.module.dtype, memory_format=torch.channels_last)
        times = torch.full((len(x),), t, device=x.device)
        labels = {} if self.label is None else {"class_labels": torch.full_like(times, self.label, dtype=torch.int64)}
        output: Tensor = self.module(x, times, **labels).sample[:, : x.shape[1], :height, :width]
        return output

    def _square(self, x: Tensor) -> Tensor:
        """``x``, for a transformer mirrored at the bottom and right up to its one size: its tokens are those of a square."""
        if not getattr(self.module.config, "patch_size", None):
            return x
        side = max(self.module.config.sample_size, *x.shape[-2:])
        for axis in (-2, -1):
            length = x.shape[axis]
            place = torch.arange(side, device=x.device) % (2 * length)
            x = x.index_select(axis, torch.where(place < length, place, 2 * length - 1 - place))
        return x


def _classes(module: Any) -> tuple[int, int | None]:
    """How many classes the network knows, and the class that stands for none of them."""
    if dit := getattr(module.config, "num_embeds_ada_norm", None):
        return dit, dit
    return getattr(module.config, "num_class_embeds", None) or 0, None


class Ladder:
    """DDPM's levels, with epsilon-, v- or x0-prediction (Ho et al. 2020; Salimans & Ho 2022)."""

    def __init__(self, network: Network, scheduler: Any) -> None:
        self.network, self.kind = network, scheduler.config.prediction_type
        if self.kind not in ("epsilon", "v_prediction", "sample"):
            raise DreamCleanError(f"the prior predicts '{self.kind}'; supported are epsilon, v_prediction and sample")
        self.schedule = DDPMSchedule(scheduler.alphas_cumprod)

    def predict(self, x: Tensor, level: Level) -> Tensor:
        """eps at ``x`` (B, C, H, W), sides as the network takes them."""
        t = round(level.t)
        output = self.network(x, t)
        return output if self.kind == "epsilon" else self._noise(output.to(x.dtype), x, self.schedule.at(t))

    def _noise(self, output: Tensor, x: Tensor, own: Level) -> Tensor:
        """The network's output as noise, at the network's own level of this timestep (s > 0)."""
        if self.kind == "v_prediction":
            return own.alpha * output + own.sigma * x
        return (x - own.alpha * output) / own.sigma


class Preconditioned:
    """EDM: D(x) = c_skip x + c_out F(c_in x, ln(sigma) / 4), levels a = 1, s = sigma (Karras et al. 2022, Table 1)."""

    def __init__(self, network: Network, scheduler: Any) -> None:
        config = scheduler.config
        self.network, self.data, self.lowest = network, config.sigma_data, config.sigma_min
        self.sign = -1.0 if getattr(config, "prediction_type", "epsilon") == "v_prediction" else 1.0
        self.schedule: Schedule = VESchedule(config.sigma_min, config.sigma_max)

    def predict(self, x: Tensor, level: Level) -> Tensor:
        """eps = (x - D(x)) / sigma at ``x`` (B, C, H, W)."""
        skip, out = self.scalings(level.sigma)
        output = self.network(x / math.hypot(level.sigma, self.data), self.timestep(level.sigma)).to(x.dtype)
        return ((1 - skip) * x - out * output) / level.sigma

    def timestep(self, sigma: float) -> float:
        """What the network is told of sigma, c_noise."""
        return math.log(sigma) / 4

    def scalings(self, sigma: float) -> tuple[float, float]:
        """c_skip and c_out."""
        return self.data**2 / (sigma**2 + self.data**2), self.sign * sigma * self.data / math.hypot(sigma, self.data)


class Consistency(Preconditioned):
    """A consistency model, D(x) = x at the least sigma (Song et al. 2023, Appendix C).

    Its answer is the end of the probability-flow ODE from x, a picture, where other networks answer with the mean of all
    pictures that x may come from; it stands in for that mean.
    """

    def timestep(self, sigma: float) -> float:
        return 250 * math.log(sigma + 1e-44)

    def scalings(self, sigma: float) -> tuple[float, float]:
        above = sigma - self.lowest
        return self.data**2 / (above**2 + self.data**2), above * self.data / math.hypot(sigma, self.data)


Predictor = Ladder | Preconditioned


def predictor(network: Network, scheduler: Any) -> Predictor:
    """The network's schedule and its ``predict``, by the class of the scheduler that it comes with."""
    name = type(scheduler).__name__
    if name == "CMStochasticIterativeScheduler":
        return Consistency(network, scheduler)
    return Preconditioned(network, scheduler) if name.startswith("EDM") else Ladder(network, scheduler)
