"""Matched-spectrum start: every channel combination and frequency at the level that its own noise matches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor

from dreamclean.builtin.initializers.local_level import telling, unevenness
from dreamclean.builtin.noise.coloured import Coloured
from dreamclean.builtin.noise.line import Line, line_of
from dreamclean.builtin.noise.stationary import Stationary
from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.initializer import Initializer
from dreamclean.contracts.latent import Latent, Noise
from dreamclean.contracts.levels import Level

RANGE = 2.0
"""Width of the range of pictures in model space, [-1, 1], where settings speak of [0, 1]."""
SURE = 0.5
"""Variance of the last posterior mean's error, in units of its level's r^2."""
WINDOW = 33
"""Side in pixels of the window of a local strength: fewer would not be enough of a blurred noise."""


class MatchedSpectrum(Coloured, Initializer):
    """Start each channel combination and frequency at its own level: x = a (y + sqrt((r^2 - S)+) z).

    S is the noise's covariance: 3 x 3 over the channels at each spatial frequency. Where its variance is that of the
    level, r = s / a, nothing is added, as with ``matched-level``; where it is less, what is missing is, and such
    components follow the sampler only from their own level down (the update of DDRM with A = I and eta_b = 1, Kawar et
    al. 2022, Eq. 8, in the basis in which S is diagonal). What has no noise at all is kept: the colour of grain, or the
    greyness of a grey picture. For pixel-space priors. The strength is the level of the loudest component;
    without ``std`` and ``bands`` the noise is as loud as that.
    """

    name = "matched-spectrum"
    uneven: bool = Field(
        default=False, description="The noise is louder in some parts, as one noise estimate shows (one evaluation)"
    )

    def __call__(self, start: Tensor, levels: Sequence[Level], denoise: Denoise, noise: Noise) -> Latent:
        table = self._table(levels[-1].ratio)
        covariance = Stationary(table, self._strength(table, start, levels, denoise) if self.uneven else None)
        lines = [line_of(image, RANGE / 255) for image in start]
        entry = LaterComponents(start, covariance, noise(start), levels[1].ratio, lines)
        return Latent(entry.latent(levels[-1]), levels[-1], entry=entry)

    def _table(self, top: float) -> Tensor:
        """The spectrum in model space."""
        if self.bands or self.std:
            return RANGE**2 * self.spectrum()
        shape = self.model_copy(update={"std": 1.0}).spectrum()
        return shape * (top**2 / float(torch.linalg.eigvalsh(shape).max()))

    def _strength(self, table: Tensor, start: Tensor, levels: Sequence[Level], denoise: Denoise) -> Tensor:
        """How loud the noise is from place to place (B, 1, H, W), of root mean square 1."""
        loudest = math.sqrt(float(torch.linalg.eigvalsh(table).max()))
        asked = levels[1:][telling([level.ratio for level in levels[1:]], loudest)]
        return unevenness(denoise.prior(asked.alpha * start, asked).eps, WINDOW)


@dataclass(frozen=True)
class LaterComponents:
    """Components whose start level has not been reached: their variance in ``covariance`` is less than a level's r^2."""

    start: Tensor
    covariance: Stationary
    noise: Tensor
    last: float
    """The ratio of the last level with noise."""
    lines: Sequence[Line | None]
    """Of each image the line on which its colours lie."""

    def latent(self, level: Level) -> Tensor:
        """The picture with the noise that it lacks at ``level``."""
        variance = level.ratio**2
        lacking = self.covariance.function(self.noise, lambda power: (variance - power).clamp(min=0).sqrt())
        return level.alpha * (self.start + lacking)

    def __call__(self, x: Tensor, level: Level) -> Tensor:
        """The latent ``x`` of ``level``, with the picture where the start level has not been reached."""
        if level.sigma == 0:
            return self.finished(x)
        variance = level.ratio**2
        if float(self.covariance.power.min()) >= variance and self.covariance.strength is None:
            return x
        return x + self.covariance.function(self.latent(level) - x, lambda power: (power < variance).to(power))

    def finished(self, x: Tensor) -> Tensor:
        """The clean picture ``x``, with what the picture knows better of the components that have not yet started.

        At the last level, of variance r^2, they were asked with more noise than the d^2 that they have. The picture
        adds the precision 1/d^2 - 1/r^2, against an error of x of variance ``SURE`` r^2.
        """
        variance = self.last**2

        def share(power: Tensor) -> Tensor:
            more = SURE * (variance - power).clamp(min=0)
            return more / (more + power).clamp(min=1e-12)

        x = x + self.covariance.function(self.start - x, share)
        kept = zip(x, self.lines, strict=True)
        return torch.stack([image if line is None else line.nearest(image) for image, line in kept])
