"""Few tones: the values of every channel are rounded to some that lie evenly."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor

from dreamclean.builtin.noise.treatment import start_at
from dreamclean.builtin.operators.affine import Affine
from dreamclean.builtin.operators.channels import checked, per_channel
from dreamclean.builtin.operators.truncated import truncated_mean
from dreamclean.contracts.component import IntList
from dreamclean.contracts.covariance import Covariance, Independent
from dreamclean.contracts.levels import Schedule

Cut = Literal["rounded", "floored"]
"""How values become tones."""
NEARER = 2.0
"""The picture is nearer to y than white noise of the same variance would let it be; from its own level on bands stay, and from 4 times it detail is lost."""


class Posterized(Affine):
    """Every value is one of few ``levels``, so that skies have bands: old screens and formats, and few bits of a channel.

    To a projection the rounding is noise of a step's square over 12; what it tells, that a value lies within half a step,
    is ``dequantized``'s. Of dithered pictures it is not quite true, and does more good than the truth, a whole step.
    """

    name = "posterized"
    least_eta: ClassVar[float] = 0.2
    levels: IntList = Field(
        default=(16,),
        min_length=1,
        max_length=3,
        description="Tones of a channel: red, green, blue, or one number for all",
    )
    cut: Cut = Field(
        default="rounded", description="To the nearest tone, from black to white; or down, as by keeping some bits"
    )

    @field_validator("levels")
    @classmethod
    def _levels(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if not all(2 <= count <= 256 for count in levels):
            raise ValueError("each from 2 to 256")
        return checked(levels)

    def degrade(self, x: Tensor) -> Tensor:
        count, values = self._count(x), x.detach().clamp(0, 1)
        if self.cut == "rounded":
            return (values * (count - 1)).round() / (count - 1)
        return (values * 255 * count / 256).floor().clamp(max=count - 1) * 256 / 255 / count

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The image itself, as for JPEG, or the lower end of its step: the rounding is noise."""
        return x.new_ones(1, 1, 1, 1), -self._offset(x)

    def noise_covariance(self, y: Tensor) -> Covariance:
        """The rounding as noise, and noise besides."""
        return Independent(self._variance(y))

    def recipe_for(self, schedule: Schedule, pixel_scale: float) -> Mapping[str, Any]:
        """A start at ``NEARER`` times the level of the rounding, taken for noise, and of the noise besides."""
        wide = float(self._variance(torch.zeros(1, 3, 1, 1, dtype=torch.float64)).max()) ** 0.5
        initializer = {"name": "dreamclean/matched-level"}
        return start_at(initializer, "dreamclean/soft-ddrm", NEARER * wide / pixel_scale, schedule)

    def dequantized(self, y: Tensor, x0: Tensor, std: float) -> Tensor:
        """Each value such that the projection's weight makes its mean in the interval that was rounded to y's.

        Noise of less than a quarter of a step is taken to have come before; where there is more, y.
        """
        half, far, other = self._step(y) / 2, y + self._offset(y) - x0, self.noise**2
        if self.poisson or float((half**2).min()) < 4 * other:
            return y
        mean = truncated_mean(far - half, far + half, (std**2 + other) ** 0.5) * std**2 / (std**2 + other)
        return x0 - self._offset(y) + (1 + self._variance(y) / std**2) * mean

    def _variance(self, y: Tensor) -> Tensor:
        return self.noise_variance(y) + self._step(y) ** 2 / 12 + torch.zeros_like(y)

    def _count(self, x: Tensor) -> Tensor:
        return per_channel(self.levels, x)

    def _step(self, x: Tensor) -> Tensor:
        """From one tone to the next."""
        count = self._count(x)
        return 1 / (count - 1) if self.cut == "rounded" else 256 / 255 / count

    def _offset(self, x: Tensor) -> Tensor:
        """From a tone to the middle of the values that became it, of those that 8 bits have."""
        return torch.zeros_like(self._count(x)) if self.cut == "rounded" else (self._step(x) - 1 / 255) / 2
