"""The settings of coloured noise, which its operator and its initializer share."""

from typing import Any

import torch
from pydantic import BaseModel, Field, field_validator
from torch import Tensor

from dreamclean.builtin.noise import spectrum
from dreamclean.contracts.component import FloatList


class Coloured(BaseModel):
    """Noise of one spectrum all over the picture: in short by ``std``, ``blur`` and ``common``, or by its ``bands``."""

    std: float = Field(
        default=0.0, ge=0, le=1, description="Standard deviation of the noise at a pixel, in each channel, [0, 1] scale"
    )
    blur: float = Field(default=0.0, ge=0, le=100, description="Its blur: standard deviation of a Gaussian in pixels")
    common: float = Field(
        default=1.0,
        ge=-0.5,
        le=1,
        description="Correlation of its channels. 1: the same in all (grain), 0: independent",
    )
    bands: FloatList = Field(
        default=(),
        description="Instead of these three: covariance of the channels, rr/rg/rb/gg/gb/bb, [0, 1] scale, "
        "at each of some evenly spaced radial frequencies from 0 to 0.707 cycles per pixel",
    )

    @field_validator("bands", mode="before")
    @classmethod
    def _none(cls, bands: Any) -> Any:
        return () if bands == "" else bands

    @field_validator("bands")
    @classmethod
    def _covariances(cls, bands: tuple[float, ...]) -> tuple[float, ...]:
        if len(bands) % 6:
            raise ValueError(f"six numbers for each frequency, rr/rg/rb/gg/gb/bb (got {len(bands)})")
        if bands and float(torch.linalg.eigvalsh(spectrum.from_bands(bands)).min()) < -1e-4 * max(bands):
            raise ValueError("no noise has such a covariance: it has an eigenvalue below 0")
        return bands

    def spectrum(self) -> Tensor:
        """Covariance of the channels (N, 3, 3) at N radial frequencies from 0 to the corner, [0, 1] scale."""
        if self.bands:
            return spectrum.from_bands(self.bands)
        return spectrum.gaussian(self.std, self.blur, spectrum.correlated(self.common))
