"""Haze: light from the air lies over the scene, the more the farther it is away."""

from functools import lru_cache
from typing import Any, Self

import torch
import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor

from dreamclean.builtin.operators import bitmap
from dreamclean.builtin.operators.affine import Affine
from dreamclean.builtin.operators.channels import checked, per_channel
from dreamclean.contracts.component import FloatList

LARGEST = 256
"""Longer side, in pixels, of a transmission as text."""


class Haze(Affine):
    """y = t x + (1 - t) A (Koschmieder 1924): of the light of the scene the share t comes through, the rest is airlight A."""

    name = "haze"
    airlight: FloatList = Field(
        default=(0.85,), min_length=1, max_length=3, description="Colour of the air: red, green, blue, or one for all"
    )
    transmission: float = Field(
        default=0.6, gt=0, le=1, description="Share t of the scene's light, all over the picture"
    )
    map: str | None = Field(
        default=None,
        repr=False,
        description="Instead: t in each part of the picture as text, as Haze.of(t) writes it: a grey PNG file in base64",
    )

    _channels = field_validator("airlight")(checked)

    @field_validator("map")
    @classmethod
    def _is_map(cls, text: str | None) -> str | None:
        if text is not None:
            _transmission(text)
        return text

    @classmethod
    def of(cls, transmission: Tensor, **settings: Any) -> Self:
        """The operator with a transmission (1, 1, H, W) or (H, W) above 0 and up to 1; it is kept at 256 pixels a side at most."""
        transmission = bitmap.single(transmission)
        height, width = transmission.shape[2:]
        small = min(1.0, LARGEST / max(height, width))
        size = max(1, round(height * small)), max(1, round(width * small))
        kept = F.interpolate(transmission.float(), size, mode="area")
        return cls(map=bitmap.to_text((kept * 255).round().clamp(1, 255).to(torch.uint8)), **settings)

    @property
    def uneven(self) -> bool:
        return self.map is not None

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        air = per_channel(self.airlight, x)
        t = x.new_full((1, 1, 1, 1), self.transmission)
        if self.map is not None:
            t = F.interpolate(_transmission(self.map).to(x), x.shape[2:], mode="bilinear", align_corners=False)
        return t, (1 - t) * air


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def _transmission(text: str) -> Tensor:
    return bitmap.from_text(text, "L", "Haze.of(t)").float() / 255
