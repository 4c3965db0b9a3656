"""deepinv's denoisers as priors, and priors as deepinv's denoisers."""

from typing import Any

import deepinv
import torch
from torch import Tensor

from dreamclean import Denoiser, DreamCleanError, Evaluator, Prior
from dreamclean.contracts.component import Spec
from dreamclean.host.host import host
from dreamclean.method.loaded import load


def denoiser_prior(denoiser: torch.nn.Module, **settings: Any) -> Denoiser:
    """A prior of any deepinv denoiser, ``denoiser(x, sigma)`` for images (B, 3, H, W) in [0, 1].

    ``settings`` are those of ``dreamclean.Denoiser``: ``lowest`` and ``highest``, the noise that it knows, and
    ``divisor``, what height and width must be multiples of (most of deepinv's pad for themselves).
    """

    def denoise(y: Tensor, sigma: float) -> Tensor:
        denoised: Tensor = denoiser.to(y.device)(y, sigma)
        return denoised

    return Denoiser.of(denoise, **{"divisor": 1, **settings})


class PriorDenoiser(deepinv.models.Denoiser):
    """A pixel-space prior of DreamClean as a deepinv denoiser: the posterior mean E[x_0 | x_0 + sigma n].

    ``x`` (B, 3, H, W) and ``sigma`` are on the [0, 1] scale. The prior is asked at its level of the nearest
    noise-to-signal ratio, sigma / alpha = 2 sigma, whatever the range: more noise than it knows is taken for the most
    it knows. ``sigma = 0`` returns ``x``. It is loaded on ``device``, and anew where ``x`` lies on another one.

    Raises:
        DreamCleanError: for a latent prior.
    """

    def __init__(self, prior: Spec, device: str | torch.device = "cpu") -> None:
        super().__init__(device)
        made: Prior = prior if isinstance(prior, Prior) else host().make("prior", prior)
        if made.space != "pixel":
            raise DreamCleanError(f"{made.name} works in latents; a denoiser needs a prior of pixels")
        self.prior = made
        self._load(torch.device(device))

    def _load(self, device: torch.device) -> None:
        self.place, self.estimate = device, Evaluator(load(self.prior, device, torch.float32))

    def forward(self, x: Tensor, sigma: Any, **kwargs: Any) -> Tensor:
        if (x.device.type, x.device.index or 0) != (self.place.type, self.place.index or 0):
            self._load(x.device)
        sigmas = torch.as_tensor(sigma).flatten().expand(len(x)).tolist()
        if len(set(sigmas)) > 1:
            return torch.cat([self(x[k : k + 1], sigmas[k]) for k in range(len(x))])
        return self._denoise(x, sigmas[0]) if sigmas[0] > 0 else x

    def _denoise(self, x: Tensor, sigma: float) -> Tensor:
        schedule, codec = self.estimate.model.schedule, self.estimate.model.codec
        level = schedule.at(schedule.timestep(2 * sigma))
        return codec.decode(self.estimate.prior(level.alpha * codec.encode(x), level).x0)
