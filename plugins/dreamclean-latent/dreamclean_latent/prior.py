"""Latent diffusion and flow models as priors."""

from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.model import Geometry, Model
from dreamclean.contracts.prior import Prior
from dreamclean.contracts.warn import warn
from dreamclean_latent.model import Configured
from dreamclean_latent.networks import Networks
from dreamclean_latent.source import Source


class Latent(Prior):
    """Latent models: Stable Diffusion, FLUX, PixArt, Sana, Z-Image, Qwen-Image; diffusers folder, hub id or safetensors.

    Nothing is run from the repository: weights come from safetensors, or from a pickle read with
    ``weights_only``. Loading it reads the configs; weights wait until it is first asked to encode, decode or predict.
    """

    name = "latent"
    space: ClassVar[Literal["pixel", "latent"]] = "latent"

    path: str = Field(min_length=1, description="Diffusers folder, hub id, or single .safetensors file")
    config: str | None = Field(
        default=None,
        min_length=1,
        description="Single file: folder or hub id of its configs and tokenizers; needed offline",
    )
    revision: str | None = Field(default=None, description="Branch, tag or commit on the hub")
    variant: str | None = Field(default=None, description="Variant of the weights files, e.g. fp16")
    prompt: str = Field(default="", description="What the picture shows")
    negative_prompt: str | None = Field(default=None, description="What it does not show, for a guidance other than 1")
    guidance: float = Field(
        default=1.0, ge=0, description="1: the prompt alone, at one network evaluation; 0: the negative prompt alone"
    )
    vae: str | None = Field(
        default=None, min_length=1, description="Folder or hub id of another autoencoder, e.g. a tiny one"
    )
    vae_tiling: bool = Field(
        default=False, description="Encode and decode in overlapping tiles: less memory, not the same bits"
    )
    vae_slicing: bool = Field(default=False, description="Encode and decode the pictures of a batch one by one")
    offload: bool = Field(
        default=False, description="Weights stay on the CPU, each layer's visit the device while it computes"
    )

    @model_validator(mode="after")
    def _negative_prompt_is_used(self) -> "Latent":
        if self.negative_prompt is not None and self.guidance == 1:
            raise ValueError("negative_prompt does nothing at guidance 1; set guidance, or leave negative_prompt out")
        return self

    def configured(self) -> Configured:
        """The model by its configs alone."""
        model = Configured(Source(self.path, self.revision, self.variant, self.config), self.vae)
        if model.family.distilled and self.negative_prompt is not None:
            raise DreamCleanError(f"'{self.path}' takes no negative prompt; leave negative_prompt out")
        return model

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        model = self.configured()
        if dtype == torch.float16 and not model.family.float16:
            dtype = torch.bfloat16
            warn(f"{model.family.pipeline}'s networks overflow in float16; they run in bfloat16")
        networks = Networks(self, model, device, dtype)
        family, pixels = model.family, model.pixels
        return Model(
            family.schedule,
            networks.predict,
            networks,
            Geometry(pixels * family.patch, pixels * family.side),
            networks.invert,
        )
