"""What a checkpoint is: what its tensors' shapes tell of the network, and what they do not."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

GROUPS = 32
"""Groups of every group normalization, in all the families."""

Order = Literal["legacy", "new"]
Betas = Literal["linear", "cosine"]


class Config(BaseModel):
    """A network and the noise that it was trained on. Levels count the halvings, 0 is the picture's own size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Literal["openai", "ddpm"] = Field(description="OpenAI's tensor names, or those of the DDPM port")
    width: int = Field(ge=2, multiple_of=2, description="Length of the timestep's sinusoidal embedding")
    channels: tuple[int, ...] = Field(min_length=1, description="Channels of each level")
    blocks: int = Field(ge=1, description="Residual blocks of a level on the way down; one more on the way up")
    attention_levels: tuple[int, ...] = Field(description="Levels with attention")
    outputs: Literal[3, 6] = Field(default=3, description="Channels out; of 6 the first three are the noise")
    classes: int | None = Field(default=None, ge=1, description="Rows of the class embedding")
    scale_shift: bool = Field(default=False, description="The embedding scales and shifts the norm, else it is added")
    residual_resampling: bool = Field(default=False, description="Residual blocks halve and double, else convolutions")

    heads: int | None = Field(default=None, ge=1, description="Attention heads; none: by head_width")
    head_width: int | None = Field(default=None, ge=1, description="Channels of an attention head")
    attention_order: Order = Field(
        default="legacy", description="legacy: q, k, v within each head; new: heads within q, k, v"
    )
    betas: Betas = Field(default="linear", description="How the noise rises with the timestep")
    timesteps: int = Field(default=1000, ge=2, description="Timesteps T that the model was trained on")
    rescale_timesteps: bool = Field(default=False, description="The network is told t 1000 / T in place of t")
    size: int | None = Field(default=None, ge=1, description="Side in pixels that the model was trained on")

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if (self.heads is None) == (self.head_width is None):
            raise ValueError("give heads or head_width, one of the two")
        if self.family == "ddpm" and (self.heads, self.attention_order) != (1, "legacy"):
            raise ValueError("a DDPM network has one attention head; leave heads, head_width and attention_order out")
        for level in {*self.attention_levels, len(self.channels) - 1}:
            channels, part = self.channels[level], self.heads or self.head_width or 1
            if channels % part:
                raise ValueError(f"{channels} channels at level {level} cannot be split into heads by {part}")
        return self

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        normalized = (*self.channels, self.width) if self.family == "ddpm" else self.channels
        if odd := [channels for channels in normalized if channels < 1 or channels % GROUPS]:
            raise ValueError(f"{odd[0]} channels at a level; every level has a multiple of {GROUPS}")
        return self

    def heads_of(self, channels: int) -> int:
        """Attention heads where there are so many channels."""
        return self.heads or channels // (self.head_width or channels)


SHAPED = (
    "family",
    "width",
    "channels",
    "blocks",
    "attention_levels",
    "outputs",
    "classes",
    "scale_shift",
    "residual_resampling",
)
"""The fields that the shapes tell."""

UNTOLD = tuple(name for name in Config.model_fields if name not in SHAPED)
"""The fields that they do not."""
