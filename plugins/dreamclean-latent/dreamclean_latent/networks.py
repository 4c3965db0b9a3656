"""A latent model's networks, brought into memory when they are first needed."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from dreamclean.contracts.levels import Level
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.contracts.warn import warn
from dreamclean_latent.guidance import Conditions, guided
from dreamclean_latent.model import Configured, Loaded
from dreamclean_latent.prediction import noise

if TYPE_CHECKING:
    from dreamclean_latent.prior import Latent


class Networks:
    """The networks of ``model`` with the settings of ``prior``: its codec, and what answers for its noise.

    The weights wait, so that a setting that cannot be is refused before gigabytes are read.
    """

    pixel_scale: ClassVar[float] = 0.25
    """Latents are scaled to a standard deviation of about 1, and that of a photograph is about 0.25."""

    def __init__(self, prior: "Latent", model: Configured, device: torch.device, dtype: torch.dtype) -> None:
        self.prior, self.model, self.device, self.dtype = prior, model, device, dtype

    @cached_property
    def loaded(self) -> Loaded:
        """The networks in memory."""
        prior = self.prior
        loaded = self.model.load(self.device, self.dtype, prior.prompt, prior.negative_prompt, prior.offload)
        if prior.vae_tiling:
            loaded.vae.tile()
        if prior.vae_slicing:
            loaded.vae.module.enable_slicing()
        return loaded

    @property
    def scale_factor(self) -> int:
        """Side in the picture of one element of the latent."""
        return self.model.pixels

    def encode(self, image: Tensor) -> Tensor:
        """Image (B, 3, H, W) in [0, 1] to the mean of its latents (B, C, h, w), scaled to about unit variance."""
        return self._fitting(self.loaded.vae.encode, image)

    def decode(self, x: Tensor) -> Tensor:
        """Latents (B, C, h, w) to an image, nominally in [0, 1]."""
        return self._fitting(self.loaded.vae.decode, x)

    def _fitting(self, way: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
        """``way`` of ``values``, by an autoencoder that works in tiles from the first picture on that needs more memory than there is."""
        vae = self.loaded.vae
        try:
            return way(values)
        except Exception as error:
            if not lacks_memory(error) or vae.tiled or vae.untiled:
                raise
        vae.tile()
        warn("the autoencoder works in tiles, for lack of memory; vae_tiling=true says so from the start")
        return way(values)

    def predict(self, x: Tensor, level: Level) -> Tensor:
        """eps at ``x``, guided as the prior says."""
        return self._predict(x, level, self.prior.guidance)

    def invert(self, x: Tensor, level: Level) -> Tensor:
        """``predict`` at a guidance of at most 1; more magnifies the errors of inversion (Mokady et al. 2023)."""
        return self._predict(x, level, min(self.prior.guidance, 1.0))

    def _predict(self, x: Tensor, level: Level, guidance: float) -> Tensor:
        loaded, family = self.loaded, self.model.family
        own = family.schedule.at(level.t)

        def ask(x: Tensor, conditions: Conditions) -> Tensor:
            return family.ask(loaded.network, x, own.t, conditions, self.model.pixels)

        output = guided(ask, family.mix, x.to(loaded.dtype), *family.guide(loaded.texts, guidance)).to(x.dtype)
        return noise(family.kind, output, x, own)
