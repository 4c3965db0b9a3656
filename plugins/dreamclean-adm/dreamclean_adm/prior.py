"""The prior: a published checkpoint behind the kernel's contract."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import DreamCleanError
from dreamclean.contracts.levels import Level
from dreamclean.contracts.model import Geometry, Model
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.prior import Prior
from dreamclean_adm.config import UNTOLD, Betas, Config, Order
from dreamclean_adm.loading import load as read
from dreamclean_adm.noise import PAPER_RATIO, schedule


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

    def parts(self) -> tuple[Config, Any]:
        """What is known of the checkpoint, and the network, a torch module on the CPU in float32."""
        given = self.model_dump(include=set(UNTOLD), exclude_none=True)
        config, network = read(Path(self.path), self.preset, given)
        if self.label is not None and self.label >= (config.classes or 0):
            has = f"the classes 0 to {config.classes - 1}" if config.classes else "no classes; leave label out"
            raise DreamCleanError(f"there is no class {self.label}: {self.path} has {has}")
        return config, network

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        """As the originals' fp16: the torso's convolutions in ``dtype``, all else in float32."""
        config, network = self.parts()
        network.to(device=device, memory_format=torch.channels_last)
        network.cast(dtype)
        geometry = Geometry(2 ** (len(config.channels) - 1), config.size)
        return Model(
            schedule(config.betas, config.timesteps), Asked(config, network, self.label).predict, geometry=geometry
        )

    @property
    def source(self) -> Path | None:
        return Path(self.path) if self.path and Path(self.path).exists() else None

    def recipe_for(self, operator: Operator | None) -> dict[str, Any]:
        """With an operator the paper's noise-to-signal ratio, whatever the noise levels."""
        return {"strength": f"nsr:{PAPER_RATIO:.4f}"} if operator else {}


class Asked(NamedTuple):
    """A network, told what it needs to know."""

    config: Config
    network: Any
    label: int | None

    def predict(self, x: Tensor, level: Level) -> Tensor:
        """eps at ``x`` (B, 3, H, W), sides as the network takes them."""
        t = round(level.t)
        told = t * 1000 / self.config.timesteps if self.config.rescale_timesteps else t
        x = x.to(torch.float32, memory_format=torch.channels_last)
        output: Tensor = self.network(x, torch.full((len(x),), told, device=x.device), self.label)
        return output[:, : x.shape[1]]
