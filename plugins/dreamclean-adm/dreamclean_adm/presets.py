"""The published checkpoints: what their projects say of each network and of the noise it was trained on."""

from typing import Any, NamedTuple

from dreamclean import DreamCleanError
from dreamclean_adm.config import Config


class Preset(NamedTuple):
    """A published architecture: what it is, who publishes it, and the files that hold it."""

    config: Config
    source: str
    files: str


def _guided(width: int, *factors: float, **more: Any) -> Config:
    """A network of guided-diffusion; ``factors`` are its channel multipliers, as its flags have them."""
    channels = tuple(round(width * factor) for factor in factors)
    heads = {} if "heads" in more else {"head_width": 64}
    fixed: dict[str, Any] = {"family": "openai", "outputs": 6, "scale_shift": True, "residual_resampling": True}
    return Config(**fixed, width=width, channels=channels, **heads, **more)


def _improved(width: int, *factors: int, **more: Any) -> Config:
    """A network of improved-diffusion: convolutions change the resolution."""
    channels = tuple(width * factor for factor in factors)
    return Config(family="openai", outputs=6, width=width, channels=channels, **more)


def _ddpm(*factors: int, **more: Any) -> Config:
    """A network of DDPM: 128 channels, two blocks a level."""
    channels = tuple(128 * factor for factor in factors)
    return Config(family="ddpm", width=128, channels=channels, blocks=2, heads=1, **more)


_SIX = (1, 1, 2, 2, 4, 4)  # the multipliers of every 256 x 256 network
_LONG: dict[str, Any] = {"scale_shift": True, "heads": 4, "blocks": 3, "betas": "cosine", "timesteps": 4000}
_GUIDED_64: dict[str, Any] = {"blocks": 3, "classes": 1000, "attention_order": "new", "betas": "cosine", "size": 64}

PRESETS = {
    "guided-64": Preset(
        _guided(192, 1, 2, 3, 4, attention_levels=(1, 2, 3), **_GUIDED_64),
        "openai/guided-diffusion",
        "64x64_diffusion.pt",
    ),
    "guided-128": Preset(
        _guided(256, 1, 1, 2, 3, 4, blocks=2, attention_levels=(2, 3, 4), classes=1000, heads=4, size=128),
        "openai/guided-diffusion",
        "128x128_diffusion.pt",
    ),
    "guided-256": Preset(
        _guided(256, *_SIX, blocks=2, attention_levels=(3, 4, 5), classes=1000, size=256),
        "openai/guided-diffusion",
        "256x256_diffusion.pt",
    ),
    "guided-256-uncond": Preset(
        _guided(256, *_SIX, blocks=2, attention_levels=(3, 4, 5), size=256),
        "openai/guided-diffusion",
        "256x256_diffusion_uncond.pt, lsun_bedroom.pt, lsun_cat.pt, lsun_horse.pt, lsun_horse_nodropout.pt",
    ),
    "guided-512": Preset(
        _guided(256, 0.5, *_SIX, blocks=2, attention_levels=(4, 5, 6), classes=1000, size=512),
        "openai/guided-diffusion",
        "512x512_diffusion.pt",
    ),
    "p2-256": Preset(
        _guided(128, *_SIX, blocks=1, attention_levels=(4,), size=256),
        "DPS2022/diffusion-posterior-sampling, jychoi118/P2-weighting",
        "ffhq_10m.pt; ffhq_p2.pt, ffhq_baseline.pt, celebahq_p2.pt and that project's others",
    ),
    "improved-cifar10": Preset(
        _improved(128, 1, 2, 2, 2, attention_levels=(1, 2), rescale_timesteps=True, size=32, **_LONG),
        "openai/improved-diffusion",
        "cifar10_uncond_50M_500K.pt, cifar10_uncond_vlb_50M_500K.pt",
    ),
    "improved-64": Preset(
        _improved(128, 1, 2, 3, 4, attention_levels=(2, 3), rescale_timesteps=True, size=64, **_LONG),
        "openai/improved-diffusion",
        "imagenet64_uncond_100M_1500K.pt, imagenet64_uncond_vlb_100M_1500K.pt",
    ),
    "improved-64-cond": Preset(
        _improved(192, 1, 2, 3, 4, attention_levels=(2, 3), classes=1000, size=64, **_LONG),
        "openai/improved-diffusion",
        "imagenet64_cond_270M_250K.pt",
    ),
    "improved-lsun": Preset(
        _improved(128, *_SIX, blocks=2, attention_levels=(4,), heads=1, size=256),
        "openai/improved-diffusion",
        "lsun_uncond_100M_1200K_bs128.pt, lsun_uncond_100M_2400K_bs64.pt",
    ),
    "ddpm-cifar10": Preset(
        _ddpm(1, 2, 2, 2, attention_levels=(1,), size=32),
        "pesser/pytorch_diffusion",
        "(ema_)diffusion_cifar10_model/model-790000.ckpt",
    ),
    "ddpm-256": Preset(
        _ddpm(*_SIX, attention_levels=(4,), size=256),
        "ermongroup/SDEdit, pesser/pytorch_diffusion",
        "celeba_hq.ckpt, bedroom.ckpt, church_outdoor.ckpt; (ema_)diffusion_lsun_*_model/model-*.ckpt",
    ),
}
"""By name."""


def find(name: str) -> Preset:
    """The preset called ``name``; DreamCleanError if there is none."""
    if name not in PRESETS:
        raise DreamCleanError(f"there is no preset '{name}' of adm; there are {', '.join(PRESETS)}")
    return PRESETS[name]
