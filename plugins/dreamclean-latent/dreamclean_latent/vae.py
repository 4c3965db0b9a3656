"""Between pictures and latents."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from dreamclean.contracts.errors import DreamCleanError
from dreamclean_latent.loading import one_line, pretrained
from dreamclean_latent.source import Source, check_place

_CLASSES = ("AutoencoderKL", "AutoencoderTiny", "AutoencoderDC", "AutoencoderKLFlux2", "AutoencoderKLQwenImage")


def side_of_latent(config: Mapping[str, Any]) -> int:
    """The side in pixels of one element of the latent: a factor of 2 for each block but the first."""
    if of_video(config):
        return int(2 ** len(config["temperal_downsample"]))
    blocks = (
        config.get("block_out_channels") or config["decoder_block_out_channels"]
    )  # the latter of a tiny or a deep one
    return int(2 ** (len(blocks) - 1)) * patch_of(config)


def patch_of(config: Mapping[str, Any]) -> int:
    """The side, in the encoder's latents, of the patches that FLUX.2's latents are made of; else 1."""
    return 2 if config.get("batch_norm_eps") else 1


def of_video(config: Mapping[str, Any]) -> bool:
    """Whether it takes and makes videos (B, C, frames, H, W), as Qwen-Image's does."""
    return "temperal_downsample" in config


def channels_of(config: Mapping[str, Any]) -> int:
    """Channels of the latents."""
    return int(config["z_dim" if of_video(config) else "latent_channels"]) * patch_of(config) ** 2


def compute_dtype(config: Mapping[str, Any], dtype: torch.dtype) -> torch.dtype:
    """The precision to run an autoencoder in: float32 where it says that float16 overflows."""
    return torch.float32 if dtype == torch.float16 and config.get("force_upcast") else dtype


class Autoencoder:
    """An autoencoder of diffusers, of one of ``_CLASSES``, and the scaling of its latents.

    x = (z - mean) scale / std, z the mean of the encoder's posterior; mean and std are the config's
    ``latents_mean`` and ``latents_std`` (a number for each channel), or ``shift_factor`` and 1. Of an
    ``AutoencoderKLFlux2`` they are those of its batch normalisation, over the channels of 2 x 2 patches.
    A picture is a video of one frame.
    """

    def __init__(self, module: Any) -> None:
        self.module, self.tiled = module, False
        config = module.config
        mean, std = (config.get(name) for name in ("latents_mean", "latents_std"))
        self.patch, self.video = patch_of(config), of_video(config)
        if self.patch > 1:
            variance = module.bn.running_var.float() + config.batch_norm_eps
            mean, std = module.bn.running_mean.float().tolist(), variance.sqrt().tolist()
        self.mean = torch.tensor(mean or [config.get("shift_factor") or 0.0]).view(1, -1, 1, 1)
        self.gain = config.get("scaling_factor", 1.0) / torch.tensor(std or [1.0]).view(1, -1, 1, 1)

    @property
    def untiled(self) -> str:
        """Why it cannot work in tiles, if it cannot."""
        config = self.module.config
        tiny = "encoder_block_out_channels" in config and config.get("latent_channels") != 4
        return "diffusers' tiny autoencoders work in tiles only with latents of 4 channels" if tiny else ""

    def tile(self) -> None:
        """Encode and decode in overlapping tiles from now on. DreamCleanError if it cannot."""
        if self.untiled:
            raise DreamCleanError(f"{self.untiled}; leave vae_tiling out")
        self.module.enable_tiling()
        self.tiled = True

    def encode(self, image: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1], H and W multiples of the side of a latent, to x (B, C, h, w)."""
        scaled = (image * 2 - 1).to(self.module.dtype)
        encoded = self.module.encode(scaled.unsqueeze(2) if self.video else scaled)
        z = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded[0]
        z = pixel_unshuffle(z.squeeze(2) if self.video else z, self.patch)
        x: Tensor = (z.to(image.dtype) - self.mean.to(image)) * self.gain.to(image)
        return x

    def decode(self, x: Tensor) -> Tensor:
        """x (B, C, h, w) to pictures (B, 3, H, W), nominally in [0, 1]."""
        z = x / self.gain.to(x) + self.mean.to(x)
        z = pixel_shuffle(z, self.patch).to(self.module.dtype)
        image: Tensor = self.module.decode(z.unsqueeze(2) if self.video else z).sample
        return ((image.squeeze(2) if self.video else image).to(x.dtype) + 1) / 2


class Found(NamedTuple):
    """An autoencoder by its config; ``load`` it in a precision."""

    config: Mapping[str, Any]
    load: Callable[[torch.dtype], Any]


def find_vae(source: Source, path: str | None) -> Found:
    """The autoencoder in ``path``, a folder or hub id, or without one the model's own."""
    if path is None:
        config = source.config("vae")
        cls = _class(config)
        return Found(config, lambda dtype: source.module(cls, "vae", dtype))
    with one_line(f"vae '{path}'"):
        options = check_place(path, None, ("config.json", "vae/config.json"))
        config, folder = _root_or_folder(path, options)
        cls = _class(config)
    return Found(config, lambda dtype: pretrained(cls, path, dtype, subfolder=folder, **options))


def _root_or_folder(path: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The autoencoder's config, and its folder: the root, or ``vae`` in a whole model."""
    from diffusers import AutoencoderKL

    try:
        return dict(AutoencoderKL.load_config(path, **options)), None
    except OSError:
        return dict(AutoencoderKL.load_config(path, subfolder="vae", **options)), "vae"


def _class(config: Mapping[str, Any]) -> str:
    name = config.get("_class_name")
    if name not in _CLASSES:
        raise DreamCleanError(f"its autoencoder is a {name}; supported are {', '.join(_CLASSES)}")
    return str(name)
