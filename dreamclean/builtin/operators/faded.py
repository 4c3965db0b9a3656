"""Fading: black is no longer black, and white no longer white."""

from typing import Self

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from dreamclean.builtin.operators.affine import Affine
from dreamclean.builtin.operators.channels import checked, per_channel
from dreamclean.contracts.component import FloatList

LEAST = 0.05
"""Contrast that must be left in each channel."""


class Faded(Affine):
    """A faded print, or one in false light: of each channel, what was black and what was white.

    One number means all three channels: ``faded:black=0.2,white=0.9``, or ``faded:black=0.3/0.2/0.2,white=0.9/0.8/0.6``.
    """

    name = "faded"
    black: FloatList = Field(
        default=(0.2,),
        min_length=1,
        max_length=3,
        description="What black has become: red, green, blue, or one for all",
    )
    white: FloatList = Field(
        default=(0.9,),
        min_length=1,
        max_length=3,
        description="What white has become: red, green, blue, or one for all",
    )

    _channels = field_validator("black", "white")(checked)

    @model_validator(mode="after")
    def _contrast(self) -> Self:
        gain, _ = self.terms(torch.zeros(1, 3, 1, 1))
        if float(gain.min()) < LEAST:
            raise ValueError(f"white must be above black by {LEAST} at least, in every channel")
        return self

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        black, white = (per_channel(values, x) for values in (self.black, self.white))
        return white - black, black
