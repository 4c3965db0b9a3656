"""Latent diffusion and flow models as priors."""

from typing import ClassVar, Literal

import torch
from pydantic import Field, PrivateAttr, model_validator
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.estimate import Estimate
from dreamclean.contracts.levels import Level, Schedule
from dreamclean.contracts.prior import Prior, pad_to_multiple
from dreamclean_latent.guidance import Conditions, guided
from dreamclean_latent.model import Loaded, Model
from dreamclean_latent.prediction import noise
from dreamclean_latent.source import Source


class Latent(Prior):
    """Stable Diffusion 1, 2, XL, 3 or FLUX: a diffusers folder, a hub id or a single safetensors file.

    Nothing is run from the repository: weights come from safetensors, or from a pickle read with
    ``weights_only``. Configs are read when the noise levels are first asked for, weights when the prior is
    prepared or first asked to encode, decode or predict (then on the CPU, in float32).
    """

    name = "latent"
    space: ClassVar[Literal["pixel", "latent"]] = "latent"
    pixel_scale: ClassVar[float] = 0.25
    """Latents are scaled to a standard deviation of about 1, and that of a photograph is about 0.25."""

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

    _model: Model | None = PrivateAttr(None)
    _loaded: Loaded | None = PrivateAttr(None)
    _sizes: dict[tuple[int, ...], tuple[int, ...]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _negative_prompt_is_used(self) -> "Latent":
        if self.negative_prompt is not None and self.guidance == 1:
            raise ValueError("negative_prompt does nothing at guidance 1; set guidance, or leave negative_prompt out")
        return self

    def reloadable(self) -> tuple[str, ...]:
        return "_model", "_loaded"

    @property
    def model(self) -> Model:
        """The model by its configs, read when first asked for."""
        if self._model is None:
            self._model = Model(Source(self.path, self.revision, self.variant, self.config), self.vae)
            if self._model.family.distilled and self.negative_prompt is not None:
                raise DreamCleanError(f"'{self.path}' takes no negative prompt; leave negative_prompt out")
        return self._model

    @property
    def loaded(self) -> Loaded:
        """The model in memory; on the CPU in float32 if it was not prepared."""
        if self._loaded is None:
            self.prepare(torch.device("cpu"), torch.float32)
        assert self._loaded is not None
        return self._loaded

    @property
    def schedule(self) -> Schedule:
        return self.model.family.schedule

    @property
    def multiple(self) -> int:
        return self.model.pixels * self.model.family.patch

    @property
    def scale_factor(self) -> int:
        return self.model.pixels

    @property
    def native_size(self) -> int | None:
        return self.model.pixels * self.model.family.side

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        if self._loaded and (self._loaded.device, self._loaded.dtype) == (device, dtype):
            return
        self._loaded = None  # the memory of one precision is free before the other is loaded
        loaded = self.model.load(device, dtype, self.prompt, self.negative_prompt, self.offload)
        if self.vae_tiling:
            loaded.vae.module.enable_tiling()
        if self.vae_slicing:
            loaded.vae.module.enable_slicing()
        self._loaded = loaded

    def encode(self, image: Tensor) -> Tensor:
        """Image (B, 3, H, W) in [0, 1] to the mean of its latents (B, C, h, w), scaled to about unit variance.

        Height and width are padded to the multiple; ``decode`` crops latents of that size to the size of the
        picture encoded last, so one thread at a time may use a prior.
        """
        x = self.loaded.vae.encode(pad_to_multiple(image, self.multiple))
        self._sizes[tuple(x.shape[-2:])] = tuple(image.shape[-2:])
        return x

    def decode(self, x: Tensor) -> Tensor:
        image = self.loaded.vae.decode(x)
        height, width = self._sizes.get(tuple(x.shape[-2:]), image.shape[-2:])
        return image[..., :height, :width]

    def predict(self, x: Tensor, level: Level) -> Estimate:
        return self._predict(x, level, self.guidance)

    def invert(self, x: Tensor, level: Level) -> Estimate:
        """``predict`` at a guidance of at most 1; more magnifies the errors of inversion (Mokady et al. 2023)."""
        return self._predict(x, level, min(self.guidance, 1.0))

    def _predict(self, x: Tensor, level: Level, guidance: float) -> Estimate:
        loaded, family = self.loaded, self.model.family
        own = family.schedule.noisy(level)

        def ask(x: Tensor, conditions: Conditions) -> Tensor:
            return family.ask(loaded.network, x, own.t, conditions, self.model.pixels)

        output = guided(ask, x.to(loaded.dtype), *family.guide(loaded.texts, guidance)).to(x.dtype)
        return Estimate.from_eps(x, level, noise(family.kind, output, x, own))
