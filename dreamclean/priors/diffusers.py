"""Any pixel-space UNet in diffusers' folder format."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from dreamclean.errors import DreamCleanError
from dreamclean.levels import DDPMSchedule, Level, Schedule
from dreamclean.priors.base import Estimate, Prior, pad_to_multiple


class Diffusers(Prior):
    """Pixel-space diffusion UNet and scheduler from a local folder or a hub id, in diffusers' format.

    epsilon-, v- and x0-prediction are read from the scheduler's config; of a network that also learns
    its variance (twice the channels out) the first half is used. Nothing is run from the repository:
    weights come from safetensors, or from a pickle read with ``weights_only``.
    """

    name = "diffusers"
    path: str = Field(min_length=1, description="Local folder or hub id holding a UNet2DModel and its scheduler config")
    revision: str | None = Field(None, description="Branch, tag or commit on the hub")
    variant: str | None = Field(None, description="Variant of the weights file, e.g. fp16")
    _unet: Any = PrivateAttr(None)
    _scheduler: Any = PrivateAttr(None)
    _schedule: Schedule | None = PrivateAttr(None)

    def _load(self) -> None:
        from diffusers import DDPMScheduler, UNet2DModel

        def load(cls: Any, folder: str, **options: Any) -> Any:
            """From the pipeline's subfolder, else from the root (as in the first DDPM repositories)."""
            try:
                return cls.from_pretrained(self.path, subfolder=folder, revision=self.revision, **options)
            except OSError:
                return cls.from_pretrained(self.path, revision=self.revision, **options)

        try:
            self._scheduler = load(DDPMScheduler, "scheduler")
            self._unet = load(UNet2DModel, "unet", variant=self.variant).eval().requires_grad_(False)
        except (OSError, ValueError, TypeError, KeyError) as error:
            where = "folder" if Path(self.path).exists() else "path"
            raise DreamCleanError(
                f"{where} '{self.path}' holds no pixel-space UNet2DModel with a scheduler config that diffusers can read "
                f"({str(error).splitlines()[0]})"
            ) from error
        self._schedule = DDPMSchedule(self._scheduler.alphas_cumprod)

    @property
    def unet(self) -> Any:
        """The network, a ``diffusers.UNet2DModel``."""
        if self._unet is None:
            self._load()
        return self._unet

    @property
    def schedule(self) -> Schedule:
        if self._schedule is None:
            self._load()
        assert self._schedule is not None
        return self._schedule

    @property
    def multiple(self) -> int:
        return int(2 ** (len(self.unet.config.block_out_channels) - 1))

    @property
    def native_size(self) -> int | None:
        size = self.unet.config.sample_size
        return int(np.max(size)) if size else None

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        self.unet.to(device=device, dtype=dtype, memory_format=torch.channels_last)

    def predict(self, x: Tensor, level: Level) -> Estimate:
        network_input = pad_to_multiple(x, self.multiple).to(self.unet.dtype, memory_format=torch.channels_last)
        with torch.autocast(x.device.type, enabled=False):
            output = self.unet(network_input, round(level.t)).sample
        output = output[:, : x.shape[1], : x.shape[2], : x.shape[3]].to(x.dtype)
        return Estimate.from_eps(x, level, self._noise(output, x, self.schedule.noisy(level)))

    def _noise(self, output: Tensor, x: Tensor, own: Level) -> Tensor:
        """The network's output as noise, at the network's own level of this timestep (s > 0)."""
        kind = self._scheduler.config.prediction_type
        if kind == "epsilon":
            return output
        if kind == "v_prediction":
            return own.a * output + own.s * x
        if kind == "sample":
            return (x - own.a * output) / own.s
        raise DreamCleanError(f"'{self.path}' predicts '{kind}'; supported are epsilon, v_prediction and sample")
