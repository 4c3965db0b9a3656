"""A prior's model, brought into memory; what goes wrong in it is the prior's."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from dreamclean.contracts.brief import brief
from dreamclean.contracts.codec import Codec
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.model import Model
from dreamclean.contracts.padding import pad_to_multiple
from dreamclean.contracts.prior import Prior
from dreamclean.method.blame import within

P = ParamSpec("P")
T = TypeVar("T")


def load(prior: Prior, device: torch.device, dtype: torch.dtype) -> Model:
    """``prior.load``; errors in the model's calls are told with the prior's name. DreamCleanError if it is not a model."""
    with torch.inference_mode(False):  # guidance asks the network for gradients
        model = prior.load(device, dtype)
    if not isinstance(model, Model):
        raise DreamCleanError(f"prior {prior.name} loads {brief(model)}; let load return a dreamclean.Model")

    def own(call: Callable[P, T]) -> Callable[P, T]:
        return lambda *args, **kwargs: within(prior, call, *args, **kwargs)

    invert = own(model.invert) if model.invert else None
    codec = _Around(model.codec, own(model.codec.encode), own(model.codec.decode))
    return replace(model, predict=own(model.predict), invert=invert, codec=codec)


def sized(model: Model, height: int, width: int) -> Model:
    """``model`` for pictures of one size: a latent model's codec pads them to its multiple, and crops what it decodes."""
    codec, multiple = model.codec, model.geometry.multiple
    if codec.scale_factor == 1:
        return model

    def encode(image: Tensor) -> Tensor:
        return codec.encode(pad_to_multiple(image, multiple))

    def decode(x: Tensor) -> Tensor:
        return codec.decode(x)[..., :height, :width]

    return replace(model, codec=_Around(codec, encode, decode))


@dataclass(frozen=True)
class _Around:
    """``codec``, with something done around its ways to latents and back."""

    codec: Codec
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]

    @property
    def pixel_scale(self) -> float:
        return self.codec.pixel_scale

    @property
    def scale_factor(self) -> int:
        return self.codec.scale_factor
