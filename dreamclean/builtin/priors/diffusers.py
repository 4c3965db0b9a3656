"""Pixel-space networks in diffusers' format, in folders and on the hub."""

import json
import re
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from dreamclean.builtin.priors.hub import hub_options
from dreamclean.builtin.priors.networks import Network, predictor
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.model import Geometry, Model
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.contracts.prior import Prior

_HUB_ID = r"[\w-][\w.-]*/[\w-][\w.-]*"


class UNetPrior(Prior):
    """A pixel-space network in diffusers' format with the scheduler config that it was trained with; say where they are.

    Read from the scheduler's config: epsilon-, v- and x0-prediction on DDPM's levels, EDM's networks that are told sigma,
    and consistency models. Of a network that also learns its variance (twice the channels out) the first half is used.
    """

    @abstractmethod
    def parts(self) -> tuple[Any, Any]:
        """The network (``UNet2DModel`` or ``DiTTransformer2DModel``) and its scheduler, loaded."""

    @property
    def told(self) -> int | None:
        """The class of pictures that the network is told, where it knows classes."""
        return None

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        module, scheduler = self.parts()
        how = predictor(Network(module, self.told), scheduler)
        options: dict[str, Any] = dict(device=device, dtype=dtype, memory_format=torch.channels_last)
        torch.nn.Module.to(module.eval().requires_grad_(False), **options)
        return Model(how.schedule, how.predict, geometry=_geometry(module.config))


def _geometry(config: Any) -> Geometry:
    """Of a UNet the halvings; of a transformer its patches, at the one size that its positions were trained for."""
    size = int(np.max(config.sample_size)) if config.sample_size else None
    return Geometry(getattr(config, "patch_size", None) or 2 ** (len(config.block_out_channels) - 1), size)


class Diffusers(UNetPrior):
    """Any pixel-space diffusion network in diffusers' format, from a local folder or a hub id.

    Nothing is run from the repository: weights come from safetensors, or from a pickle read with
    ``weights_only``.
    """

    name = "diffusers"
    path: str = Field(min_length=1, description="Local folder or hub id of a network with its scheduler config")
    revision: str | None = Field(default=None, description="Branch, tag or commit on the hub")
    variant: str | None = Field(default=None, description="Variant of the weights file, e.g. fp16")
    label: int | None = Field(default=None, ge=0, description="Class of the pictures, of a network that knows classes")

    @property
    def told(self) -> int | None:
        return self.label

    @property
    def source(self) -> Path | None:
        return Path(self.path) if self.path and Path(self.path).exists() else None

    def parts(self) -> tuple[Any, Any]:
        return load_parts(self.path, revision=self.revision, variant=self.variant)


def _scheduler(config: dict[str, Any]) -> Any:
    """The scheduler that says what the network was trained for; ValueError for one that does not."""
    from diffusers import CMStochasticIterativeScheduler, DDPMScheduler, EDMEulerScheduler

    name = config.get("_class_name", "nameless")
    if name == "CMStochasticIterativeScheduler":
        return CMStochasticIterativeScheduler.from_config(config)
    if name.startswith("EDM"):
        return EDMEulerScheduler.from_config(config)
    if not config.keys() & {"beta_schedule", "trained_betas"}:
        raise ValueError(f"its scheduler, {name}, has no betas")
    return DDPMScheduler.from_config(config)


def _members(path: str | Path, where: dict[str, Any]) -> set[str]:
    """What a pipeline consists of, by its index; of a folder without one, what is in it."""
    if Path(path).is_dir():
        index = Path(path) / "model_index.json"
        if not index.is_file():
            return {member.name for member in Path(path).iterdir()}
    else:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        try:
            index = Path(hf_hub_download(str(path), "model_index.json", **where))
        except (EntryNotFoundError, LocalEntryNotFoundError):
            return set()
    return set(json.loads(index.read_text()))


def load_parts(path: str | Path, revision: str | None = None, variant: str | None = None) -> tuple[Any, Any]:
    """Network and scheduler of a diffusers folder or hub id; DreamCleanError where there are none."""
    from diffusers import DDPMScheduler, DiTTransformer2DModel, UNet2DModel

    where: dict[str, Any] = {"revision": revision}
    if not Path(path).is_dir():
        if not re.fullmatch(_HUB_ID, str(path)):
            raise DreamCleanError(f"there is no folder '{path}'")
        where |= hub_options(str(path), revision, ["unet/config.json", "config.json", "transformer/config.json"])

    def load(method: Any, subfolder: str, **options: Any) -> Any:
        """From the pipeline's subfolder, else from the root (as in the first DDPM repositories)."""
        try:
            return method(path, subfolder=subfolder, **where, **options)
        except OSError as first:
            try:
                return method(path, **where, **options)
            except OSError:
                raise first from None

    try:
        options = dict(torch_dtype=torch.float32, low_cpu_mem_usage=False, output_loading_info=True)
        members = _members(path, where)
        cls, folder = (DiTTransformer2DModel, "transformer") if "transformer" in members else (UNet2DModel, "unet")
        unet, report = load(cls.from_pretrained, folder, variant=variant, **options)
        if report["missing_keys"]:
            raise ValueError("its weights are another network's")
        if unet.config.in_channels != 3 or members & {"vae", "vqvae"}:
            raise ValueError("its network is of latents or of other pictures than colour ones")
        return unet, _scheduler(load(DDPMScheduler.load_config, "scheduler"))
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        if lacks_memory(error):
            raise
        reason = " ".join(str(error).split())[:200]
        raise DreamCleanError(
            f"'{path}' holds no pixel-space UNet2DModel and scheduler config in diffusers' format ({reason})"
        ) from error
