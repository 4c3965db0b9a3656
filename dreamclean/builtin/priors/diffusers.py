"""Pixel-space UNets in diffusers' format."""

import re
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from dreamclean.builtin.priors.hub import hub_options
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.levels import DDPMSchedule, Level
from dreamclean.contracts.model import Geometry, Model
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.contracts.prior import Prior

_HUB_ID = r"[\w-][\w.-]*/[\w-][\w.-]*"


class UNetPrior(Prior):
    """A pixel-space ``UNet2DModel`` with the scheduler config that it was trained with; say where they are.

    epsilon-, v- and x0-prediction are read from the scheduler's config; of a network that also learns
    its variance (twice the channels out) the first half is used.
    """

    @abstractmethod
    def parts(self) -> tuple[Any, Any]:
        """The network (``diffusers.UNet2DModel``) and the scheduler (``diffusers.DDPMScheduler``), loaded."""

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        unet, scheduler = self.parts()
        network = UNet(unet, scheduler)
        options: dict[str, Any] = dict(device=device, dtype=dtype, memory_format=torch.channels_last)
        torch.nn.Module.to(unet.eval().requires_grad_(False), **options)
        size = unet.config.sample_size
        geometry = Geometry(2 ** (len(unet.config.block_out_channels) - 1), int(np.max(size)) if size else None)
        return Model(network.schedule, network.predict, geometry=geometry)


class UNet:
    """A network and the scheduler that says what it predicts; DreamCleanError for what nobody can turn into noise."""

    def __init__(self, unet: Any, scheduler: Any) -> None:
        self.unet, self.kind = unet, scheduler.config.prediction_type
        if self.kind not in ("epsilon", "v_prediction", "sample"):
            raise DreamCleanError(f"the prior predicts '{self.kind}'; supported are epsilon, v_prediction and sample")
        self.schedule = DDPMSchedule(scheduler.alphas_cumprod)

    def predict(self, x: Tensor, level: Level) -> Tensor:
        """eps at ``x`` (B, C, H, W), sides as the network takes them."""
        t = round(level.t)
        output = self.unet(x.to(self.unet.dtype, memory_format=torch.channels_last), t).sample[:, : x.shape[1]]
        return output if self.kind == "epsilon" else self._noise(output.to(x.dtype), x, self.schedule.at(t))

    def _noise(self, output: Tensor, x: Tensor, own: Level) -> Tensor:
        """The network's output as noise, at the network's own level of this timestep (s > 0)."""
        if self.kind == "v_prediction":
            return own.alpha * output + own.sigma * x
        return (x - own.alpha * output) / own.sigma


class Diffusers(UNetPrior):
    """Any pixel-space diffusion UNet in diffusers' format, from a local folder or a hub id.

    Nothing is run from the repository: weights come from safetensors, or from a pickle read with
    ``weights_only``.
    """

    name = "diffusers"
    path: str = Field(min_length=1, description="Local folder or hub id of a UNet2DModel with its scheduler config")
    revision: str | None = Field(default=None, description="Branch, tag or commit on the hub")
    variant: str | None = Field(default=None, description="Variant of the weights file, e.g. fp16")

    @property
    def source(self) -> Path | None:
        return Path(self.path) if self.path and Path(self.path).exists() else None

    def parts(self) -> tuple[Any, Any]:
        return load_parts(self.path, revision=self.revision, variant=self.variant)


def load_parts(path: str | Path, revision: str | None = None, variant: str | None = None) -> tuple[Any, Any]:
    """Network and scheduler of a diffusers folder or hub id; DreamCleanError where there are none."""
    from diffusers import DDPMScheduler, UNet2DModel

    where: dict[str, Any] = {"revision": revision}
    if not Path(path).is_dir():
        if not re.fullmatch(_HUB_ID, str(path)):
            raise DreamCleanError(f"there is no folder '{path}'")
        where |= hub_options(str(path), revision, ["unet/config.json", "config.json"])

    def load(method: Any, subfolder: str, **options: Any) -> Any:
        """From the pipeline's subfolder, else from the root (as in the first DDPM repositories)."""
        try:
            return method(path, subfolder=subfolder, **where, **options)
        except OSError:
            return method(path, **where, **options)

    try:
        options = dict(torch_dtype=torch.float32, low_cpu_mem_usage=False, output_loading_info=True)
        unet, report = load(UNet2DModel.from_pretrained, "unet", variant=variant, **options)
        if report["missing_keys"]:
            raise ValueError("its weights are another network's")
        config = load(DDPMScheduler.load_config, "scheduler")
        if not config.keys() & {"beta_schedule", "trained_betas"}:
            raise ValueError(f"its scheduler, {config.get('_class_name', 'nameless')}, has no betas")
        return unet, DDPMScheduler.from_config(config)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        if lacks_memory(error):
            raise
        reason = " ".join(str(error).split())[:200]
        raise DreamCleanError(
            f"'{path}' holds no pixel-space UNet2DModel and scheduler config in diffusers' format ({reason})"
        ) from error
