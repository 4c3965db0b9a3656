"""A prior's model, brought into memory; what goes wrong in it is the prior's."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dreamclean.contracts.brief import brief
from dreamclean.contracts.codec import Codec
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.model import Ask, Model
from dreamclean.contracts.padding import pad_to_multiple
from dreamclean.contracts.prior import Prior
from dreamclean.method.blame import within


def load(prior: Prior, device: torch.device, dtype: torch.dtype) -> Model:
    """``prior.load``; errors in the model's calls are told with the prior's name. DreamCleanError if it is no model."""
    model = prior.load(device, dtype)
    if not isinstance(model, Model):
        raise DreamCleanError(f"prior {prior.name} loads {brief(model)}; let load return a dreamclean.Model")

    def own(ask: Ask) -> Ask:
        return lambda x, level: within(prior, ask, x, level)

    invert = own(model.invert) if model.invert else None
    return replace(model, predict=own(model.predict), invert=invert, codec=_PriorsCodec(prior, model.codec))


@dataclass(frozen=True)
class _PriorsCodec:
    """A codec whose faults are its prior's."""

    prior: Prior
    codec: Codec

    @property
    def pixel_scale(self) -> float:
        return self.codec.pixel_scale

    @property
    def scale_factor(self) -> int:
        return self.codec.scale_factor

    def encode(self, image: Tensor) -> Tensor:
        return within(self.prior, self.codec.encode, image)

    def decode(self, x: Tensor) -> Tensor:
        return within(self.prior, self.codec.decode, x)


def sized(model: Model, height: int, width: int) -> Model:
    """``model`` for pictures of one size: a latent model's codec pads them to its multiple, and crops what it decodes."""
    if model.codec.scale_factor == 1:
        return model
    return replace(model, codec=_SizedCodec(model.codec, model.geometry.multiple, height, width))


@dataclass(frozen=True)
class _SizedCodec:
    codec: Codec
    multiple: int
    height: int
    width: int

    @property
    def pixel_scale(self) -> float:
        return self.codec.pixel_scale

    @property
    def scale_factor(self) -> int:
        return self.codec.scale_factor

    def encode(self, image: Tensor) -> Tensor:
        return self.codec.encode(pad_to_multiple(image, self.multiple))

    def decode(self, x: Tensor) -> Tensor:
        return self.codec.decode(x)[..., : self.height, : self.width]
