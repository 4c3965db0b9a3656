"""The prior: a published checkpoint behind the kernel's contract."""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from dreamclean import DreamCleanError
from dreamclean.contracts.estimate import Estimate
from dreamclean.contracts.levels import DDPMSchedule, Level, Schedule
from dreamclean.contracts.prior import Prior, pad_to_multiple
from dreamclean_adm.config import UNTOLD, Betas, Config, Order
from dreamclean_adm.loading import load
from dreamclean_adm.noise import schedule

_PAPER = DDPMSchedule.linear().at(300).ratio
"""The noise-to-signal ratio of the paper's strength, t = 300 of its own noise levels."""


class ADM(Prior):
    """A checkpoint of OpenAI's guided-diffusion or improved-diffusion, or of DDPM, in its published file.

    What the tensors' shapes do not tell is known for the published networks, recognised by their shapes; for
    any other network of these families it is guided-diffusion's usual, or what the settings say.
    """

    name = "adm"
    path: str = Field(min_length=1, description="The .pt, .ckpt or .safetensors file, or a converted folder")
    preset: str | None = Field(
        default=None, description="Name of the published network; none: recognised by its shapes"
    )
    label: int | None = Field(
        default=None, ge=0, description="Class, for a class-conditional network; none: the mean of all"
    )
    heads: int | None = Field(default=None, ge=1, description="Attention heads; none: as published, else by head_width")
    head_width: int | None = Field(
        default=None, ge=1, description="Channels of an attention head; none: as published, else 64"
    )
    attention_order: Order | None = Field(default=None, description="Order of q, k, v; none: as published, else legacy")
    betas: Betas | None = Field(default=None, description="The noise levels; none: as published, else linear")
    timesteps: int | None = Field(default=None, ge=2, description="Timesteps T; none: as published, else 1000")
    rescale_timesteps: bool | None = Field(
        default=None, description="Tell the network t 1000 / T in place of t; none: as published, else false"
    )
    size: int | None = Field(default=None, ge=1, description="Native side in pixels; none: as published, else any")

    _network: Any = PrivateAttr(None)
    _config: Config | None = PrivateAttr(None)
    _schedule: DDPMSchedule | None = PrivateAttr(None)

    def reloadable(self) -> tuple[str, ...]:
        return "_network", "_config", "_schedule"

    @property
    def config(self) -> Config:
        """What is known of the checkpoint; it is loaded when first asked for."""
        if self._config is None:
            given = self.model_dump(include=set(UNTOLD), exclude_none=True)
            config, self._network = load(Path(self.path), self.preset, given)
            if self.label is not None and self.label >= (config.classes or 0):
                has = f"the classes 0 to {config.classes - 1}" if config.classes else "no classes; leave label out"
                raise DreamCleanError(f"there is no class {self.label}: {self.path} has {has}")
            self._schedule = schedule(config.betas, config.timesteps)
            self._config = config
        return self._config

    @property
    def network(self) -> Any:
        """The network, a torch module."""
        return self._network if self.config else None

    @property
    def schedule(self) -> Schedule:
        assert self.config and self._schedule
        return self._schedule

    @property
    def multiple(self) -> int:
        return int(2 ** (len(self.config.channels) - 1))

    @property
    def native_size(self) -> int | None:
        return self.config.size

    @property
    def source(self) -> Path | None:
        return Path(self.path) if self.path and Path(self.path).exists() else None

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """As the originals' fp16: the torso's convolutions in ``dtype``, all else in float32."""
        network = self.network
        network.to(device=device, memory_format=torch.channels_last)
        network.cast(dtype)

    def predict(self, x: Tensor, level: Level) -> Estimate:
        config, t = self.config, round(level.t)
        told = t * 1000 / config.timesteps if config.rescale_timesteps else t
        padded = pad_to_multiple(x, self.multiple).to(torch.float32, memory_format=torch.channels_last)
        output = self.network(padded, torch.full((len(x),), told, device=x.device), self.label)
        eps = output[:, : x.shape[1], : x.shape[2], : x.shape[3]].to(x.dtype)
        return Estimate.from_eps(x, level, eps)

    def recipe_for(self, known_operator: bool) -> dict[str, Any]:
        """With an operator the paper's strength, as a noise-to-signal ratio where the noise levels are others."""
        own = self.config.betas == "linear" and self.config.timesteps == 1000
        return {} if own or not known_operator else {"strength": f"nsr:{_PAPER:.4f}"}
