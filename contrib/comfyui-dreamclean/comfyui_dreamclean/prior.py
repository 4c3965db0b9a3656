"""ComfyUI's MODEL, VAE and CONDITIONING as a prior."""

from typing import Any, ClassVar, Literal

import comfy.samplers
import torch
from pydantic import PrivateAttr
from torch import Tensor

from dreamclean import FlowSchedule, Geometry, Level, Model, Prior, Schedule, VESchedule


class ComfyPrior(Prior):
    """A model that ComfyUI has loaded, asked through ComfyUI's own guider: conditioning, LoRAs and offloading are its own."""

    name = "comfyui"
    space: ClassVar[Literal["pixel", "latent"]] = "latent"
    cfg: float = 1.0
    _model: Any = PrivateAttr(None)
    _vae: Any = PrivateAttr(None)
    _conditioning: tuple[Any, Any] | None = PrivateAttr(None)

    @classmethod
    def of(cls, model: Any, vae: Any, positive: Any, negative: Any, cfg: float) -> "ComfyPrior":
        """The prior of a MODEL (``ModelPatcher``), a VAE and two CONDITIONINGs, of which ``negative`` may be None."""
        prior = cls(cfg=cfg)
        prior._model, prior._vae = model, vae
        prior._conditioning = (positive, positive if negative is None else negative)
        return prior

    def from_python(self) -> bool:
        return True

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        codec = Codec(self._vae, self._model.get_model_object("latent_format"))
        return Model(
            schedule_of(self._model), self._predict, codec, Geometry(2 * codec.scale_factor), invert=self._invert
        )

    def _invert(self, x: Tensor, level: Level) -> Tensor:
        """The same for DDIM inversion, whose errors more guidance than 1 would magnify."""
        return self._predict(x, level, min(self.cfg, 1.0))

    def _predict(self, x: Tensor, level: Level, cfg: float | None = None) -> Tensor:
        """eps = (x - a x0) / s of ComfyUI's x0, with ``cfg`` or the prior's own."""
        guider = comfy.samplers.CFGGuider(self._model)
        assert self._conditioning is not None
        guider.set_conds(*self._conditioning)
        guider.set_cfg(self.cfg if cfg is None else cfg)
        once = _Once(x, level.sigma)
        sigmas = torch.tensor([level.sigma, 0.0])
        with torch.inference_mode():  # as ComfyUI does: what it has loaded there cannot be changed in place elsewhere
            guider.sample(torch.zeros_like(x), torch.zeros_like(x), once, sigmas, disable_pbar=True, seed=0)
        assert once.x0 is not None
        return (x - level.alpha * once.x0.to(x)) / level.sigma


class _Once:
    """A sampler in ComfyUI's sense that asks for one estimate, at ``x`` and ``sigma``, and keeps it."""

    def __init__(self, x: Tensor, sigma: float) -> None:
        self.x, self.sigma = x, sigma
        self.x0: Tensor | None = None

    def sample(
        self,
        model: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Any,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        """What ComfyUI's guider calls; ``model(x, sigma)`` is its x0."""
        x = self.x.to(noise)
        self.x0 = model(x, torch.full((len(x),), self.sigma, device=x.device), **extra_args)
        return self.x0


def schedule_of(model: Any) -> Schedule:
    """The levels of a MODEL: a = 1 - s where it scales the picture down as noise comes in (flow), else a = 1."""
    sampling = model.get_model_object("model_sampling")
    low, high = float(sampling.sigma_min), float(sampling.sigma_max)
    one = torch.ones(1, 1, 1, 1)
    flow = float(sampling.noise_scaling(torch.tensor([0.5]), 0 * one, one)) < 0.75
    return FlowSchedule(max(low, 1e-3), min(high, 0.999)) if flow else VESchedule(low, high)


class Codec:
    """A VAE of ComfyUI, and the scaling of its latents that the MODEL was trained with."""

    pixel_scale = 0.25

    def __init__(self, vae: Any, latent_format: Any) -> None:
        self.vae, self.format = vae, latent_format

    @property
    def scale_factor(self) -> int:
        """Side in the picture of one element of the latent."""
        return int(self.vae.spacial_compression_encode())

    def encode(self, image: Tensor) -> Tensor:
        """Image (B, 3, H, W) in [0, 1] to x (B, C, h, w)."""
        with torch.inference_mode():
            x: Tensor = self.format.process_in(self.vae.encode(image.float().movedim(1, -1).clamp(0, 1)))
        return x.to(image).clone()

    def decode(self, x: Tensor) -> Tensor:
        """x (B, C, h, w) to image (B, 3, H, W)."""
        with torch.inference_mode():
            image: Tensor = self.vae.decode(self.format.process_out(x.float()))
        return image.movedim(-1, 1).to(x).clone()
