"""Local-level start: every part of the picture at the level that its own damage matches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.initializer import Initializer
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level
from dreamclean.contracts.measurement_noise import photon_variance

ABOVE = 1.25
"""The prior is evaluated at this multiple of the mean level: there the estimate's width shows most about the damage."""
AROUND = 5
"""Side in pixels of the window over which a picture's brightness is averaged to tell its photon noise."""
CONTRAST = 1.3
"""Power of the local width: an estimate tends towards the level of the evaluation (contrib/calibrate/uneven.py)."""


class LocalLevel(Initializer):
    """Start each element at its own level: x = a (y + sqrt(r^2 - d^2) z), with d the noise-to-signal ratio there.

    Where the damage d equals the level's ratio r = s / a this is ``matched-level``. Where d is less, the missing
    noise is added, so the latent has one level everywhere. The sampler updates such elements only from their own
    level down; above it they are the picture with less and less of the same noise z (the update of DDRM with eta_b
    = 1, Kawar et al. 2022, Eq. 8, element by element). d comes from the local width of one
    noise estimate, which costs one evaluation, or from the brightness where it is said to be photon noise (``poisson``,
    pixel-space priors). The strength is the level of the noisiest parts.
    """

    name = "local-level"
    ratio: float | None = Field(
        default=None, gt=0, description="Root mean square of the damage, a noise-to-signal ratio; none: the strength's"
    )
    poisson: float = Field(default=0.0, ge=0, description="Rate of Poisson noise, as operators have it; 0: estimated")
    noise: float = Field(default=0.0, ge=0, le=1, description="With poisson: white noise beside it, [0, 1] scale")

    def __call__(self, start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Noise) -> Latent:
        damage = self._said(start) if self.poisson else self._estimated(start, levels, denoise)
        entry = LaterEntry(start, damage, noise(start))
        return Latent(entry.latent(levels[-1]), levels[-1], entry=entry)

    def _said(self, start: Tensor) -> Tensor:
        """The noise of the settings, which differs with the brightness, shaped as ``start`` (B, C, H, W) in [-1, 1]."""
        around = F.avg_pool2d(start, AROUND, stride=1, padding=AROUND // 2, count_include_pad=False)
        return 2 * photon_variance((around + 1) / 2, self.poisson, self.noise).sqrt()

    def _estimated(self, start: Tensor, levels: Sequence[Level], denoise: Denoise) -> Tensor:
        ratio = self.ratio or levels[-1].ratio
        asked = levels[1:][telling([level.ratio for level in levels[1:]], ratio)]
        return ratio * unevenness(denoise.prior(asked.alpha * start, asked).eps)


@dataclass(frozen=True)
class LaterEntry:
    """Regions whose start level has not been reached: elements whose ``damage`` is less than a level's ratio."""

    start: Tensor
    damage: Tensor
    noise: Tensor

    def latent(self, level: Level) -> Tensor:
        """The picture with the noise that it lacks at ``level``."""
        lacking = (level.ratio**2 - self.damage.square()).clamp(min=0).sqrt()
        return level.alpha * torch.addcmul(self.start, lacking, self.noise)

    def __call__(self, x: Tensor, level: Level) -> Tensor:
        """The latent ``x`` of ``level``, with the picture where the start level has not been reached."""
        return torch.where(self.damage < level.ratio, self.latent(level), x)


def telling(ratios: Sequence[float], ratio: float) -> int:
    """The index in ``ratios`` of the level whose noise estimate shows best how damage of ``ratio`` is spread."""
    return min(range(len(ratios)), key=lambda k: abs(math.log(ratios[k] / (ABOVE * ratio))))


def unevenness(eps: Tensor, side: int = 17) -> Tensor:
    """How strong the damage is at each element (B, 1, H, W), with root mean square 1, from a noise estimate (B, C, H, W).

    The width within ``side`` x ``side`` elements.
    """
    power = eps.float().square().mean(1, keepdim=True)
    power = F.avg_pool2d(power, side, stride=1, padding=side // 2, count_include_pad=False)
    width = power.clamp(min=1e-12) ** (CONTRAST / 2)
    return width / width.square().mean((1, 2, 3), keepdim=True).sqrt()
