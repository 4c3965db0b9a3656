"""A model by its configs, and the same with its weights."""

from typing import Any, NamedTuple

import torch

from dreamclean.contracts.errors import DreamCleanError
from dreamclean_latent.family import Family
from dreamclean_latent.flux import Flux
from dreamclean_latent.flux2 import Flux2Klein
from dreamclean_latent.guidance import Texts
from dreamclean_latent.loading import one_line
from dreamclean_latent.offload import offload
from dreamclean_latent.pixart import PixArtSigma
from dreamclean_latent.qwen_image import QwenImage
from dreamclean_latent.sana import Sana
from dreamclean_latent.sd3 import StableDiffusion3
from dreamclean_latent.sdxl import StableDiffusionXL
from dreamclean_latent.source import Source
from dreamclean_latent.stable_diffusion import StableDiffusion
from dreamclean_latent.vae import Autoencoder, channels_of, compute_dtype, find_vae, side_of_latent
from dreamclean_latent.z_image import ZImage

FAMILIES: dict[str, type[Family]] = {
    family.pipeline: family
    for family in (
        StableDiffusion,
        StableDiffusionXL,
        StableDiffusion3,
        Flux,
        PixArtSigma,
        Sana,
        ZImage,
        Flux2Klein,
        QwenImage,
    )
}


class Loaded(NamedTuple):
    """A model in memory."""

    vae: Autoencoder
    network: Any
    texts: Texts
    device: torch.device
    dtype: torch.dtype


class Configured:
    """A model by its configs: ``family``, and ``pixels``, the side in the picture of one element of the latent."""

    def __init__(self, source: Source, vae: str | None = None) -> None:
        with one_line(source.label):
            self.source, self.index = source, source.index()
            self.family = _family(self.index, source)
            self.vae = find_vae(source, vae)
        self.pixels = side_of_latent(self.vae.config)
        channels = channels_of(self.vae.config)
        if channels != self.family.channels:
            raise DreamCleanError(
                f"'{source.path}' takes latents of {self.family.channels} channels and its autoencoder makes {channels}; "
                "give a text-to-image model (not an inpainting one) and an autoencoder of its family"
            )

    def load(
        self, device: torch.device, dtype: torch.dtype, prompt: str, negative: str | None, offloaded: bool
    ) -> Loaded:
        """The model on ``device``, its networks in ``dtype``. The text encoders are gone again.

        Without any prompt the network sees what it was trained to take for none: that of an absent negative prompt.
        ``offloaded``: weights stay on the CPU, where the text encoders also compute.
        """
        with one_line(f"'{self.source.path}'"):
            texts = self._texts(torch.device("cpu") if offloaded else device, dtype, prompt, negative)
            network = self.source.module(self.family.network, self.family.folder, dtype)
            vae = self.vae.load(compute_dtype(self.vae.config, dtype))
            for module in (network, vae):
                module.eval().requires_grad_(False)
                offload(module, device) if offloaded else module.to(device)
        there = (({name: value.to(device) for name, value in each.items()}) for each in texts)
        return Loaded(Autoencoder(vae), network, Texts(*there), device, dtype)

    @torch.no_grad()
    def _texts(self, device: torch.device, dtype: torch.dtype, prompt: str, negative: str | None) -> Texts:
        pipe = self.source.text_pipeline(self.family.pipeline, self.index, dtype)
        texts = self.family.embed(pipe.to(device), prompt, negative, device)
        return texts if prompt or negative is not None else texts._replace(prompt=texts.negative)


def _family(index: dict[str, Any], source: Source) -> Family:
    name = index.get("_class_name")
    if name not in FAMILIES:
        raise DreamCleanError(f"it holds a {name}; supported are {', '.join(FAMILIES)}")
    cls = FAMILIES[name]
    return cls(source.config(cls.folder), source.config("scheduler"))
