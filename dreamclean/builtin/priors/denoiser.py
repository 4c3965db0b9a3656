"""A Gaussian denoiser as a prior: DRUNet, FFDNet and their like, from a file or from Python."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, PrivateAttr, model_validator
from torch import Tensor

from dreamclean.contracts.codec import PixelCodec
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.levels import Level, VESchedule
from dreamclean.contracts.model import Geometry, Model
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.contracts.prior import Prior

Denoise = Callable[[Tensor, float], Tensor]
"""D(y, sigma): noisy images (B, 3, H, W) and the noise's standard deviation, both for pixels in [0, 1], to clean ones."""

_SUFFIXES = {".pt": "TorchScript", ".ts": "TorchScript", ".jit": "TorchScript", ".onnx": "ONNX"}


class Denoiser(Prior):
    """A denoiser D(y, sigma) of white Gaussian noise, TorchScript or ONNX; Denoiser.of wraps a function.

    The mean of the clean image given a noisy one is what such a denoiser returns, so by Tweedie's formula its
    noise estimate is eps = (x - D(x, sigma)) / sigma (Efron 2011). Its levels explode the variance: a = 1, and
    the timestep is s = 2 sigma, the noise's standard deviation for pixels in [-1, 1]. It always runs in float32.
    """

    name = "denoiser"
    path: str = Field(default="", description="TorchScript (.pt, .ts, .jit) or ONNX (.onnx) file")
    lowest: float = Field(
        default=1 / 255, gt=0, description="Least noise that it knows: standard deviation, [0, 1] scale"
    )
    highest: float = Field(
        default=50 / 255, gt=0, description="Most noise that it knows: standard deviation, [0, 1] scale"
    )
    sigma: Literal["channel", "map", "number", "scalar", "none"] = Field(
        default="channel",
        description="How it is told sigma: as a fourth channel (channel), as a second input (B, 1, H, W) (map), (B,) (number) "
        "or (B, 1, 1, 1) (scalar), or not at all (none)",
    )
    white: float = Field(
        default=1.0, gt=0, description="Its value of a white pixel, and the unit of its sigma: 1 or 255"
    )
    divisor: int = Field(default=8, ge=1, description="What its height and width must be multiples of")
    _denoise: Denoise | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _range(self) -> "Denoiser":
        if self.lowest >= self.highest:
            raise ValueError("lowest must be less than highest")
        return self

    @classmethod
    def of(cls, denoise: Denoise, **settings: Any) -> "Denoiser":
        """A prior of the function ``denoise(y, sigma)``; ``settings``: ``lowest``, ``highest``, ``divisor``."""
        prior = cls(**settings)
        prior._denoise = denoise
        return prior

    def from_python(self) -> bool:
        return not self.path and self._denoise is not None

    @property
    def source(self) -> Path | None:
        return Path(self.path) if self.path and Path(self.path).exists() else None

    @property
    def program(self) -> Path | None:
        return Path(self.path) if _SUFFIXES.get(Path(self.path).suffix.lower()) == "TorchScript" else None

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        given = None if self.path else self._denoise
        denoise, codec = (
            given or self._told(_load(self.path, device, 1 if self.sigma in ("channel", "none") else 2)),
            PixelCodec(),
        )

        def predict(x: Tensor, level: Level) -> Tensor:
            x0 = codec.encode(denoise(codec.decode(x).float(), level.sigma / 2).to(x))
            return (x - x0) / level.sigma

        return Model(VESchedule(2 * self.lowest, 2 * self.highest), predict, geometry=Geometry(self.divisor))

    def recipe_for(self, operator: Operator | None) -> dict[str, Any]:
        limit = self.highest * 2
        known = operator is not None
        corrector = f"dreamclean/vps:gamma={0.9 if known else 0.05},fused=true"
        start = "forward-noising" if known else "matched-level"
        strength = f"nsr:{min(0.5 if known else 0.2, limit):.4g}"
        return {
            "initializer": f"dreamclean/{start}",
            "corrector": corrector,
            "sampler": "dreamclean/ddim",
            "strength": strength,
            "steps": 12 if known else 4,
        }

    def _told(self, network: Callable[..., Tensor]) -> Denoise:
        """``network`` as D(y, sigma), told sigma in its own way and on its own scale."""

        def denoise(y: Tensor, sigma: float) -> Tensor:
            y, level = y * self.white, sigma * self.white
            batch, _, height, width = y.shape
            if self.sigma == "none":
                return network(y) / self.white
            if self.sigma in ("number", "scalar"):
                shape = (batch,) if self.sigma == "number" else (batch, 1, 1, 1)
                return network(y, torch.full(shape, level, device=y.device)) / self.white
            plane = torch.full((batch, 1, height, width), level, device=y.device)
            inputs = [torch.cat([y, plane], 1)] if self.sigma == "channel" else [y, plane]
            return network(*inputs) / self.white

        return denoise


def _load(path: str, device: torch.device, inputs: int) -> Callable[..., Tensor]:
    """The network in a file, in float32; DreamCleanError where there is none, or an ONNX file has not so many ``inputs``."""
    kind = _SUFFIXES.get(Path(path).suffix.lower())
    if kind is None:
        raise DreamCleanError(
            f"'{path}' is not a denoiser; give denoiser:path=FILE with a .pt, .ts, .jit or .onnx file"
        )
    if not Path(path).is_file():
        raise DreamCleanError(f"there is no file '{path}'")
    try:
        return _onnx(path, inputs) if kind == "ONNX" else _torchscript(path, device)
    except DreamCleanError:
        raise
    except ImportError:
        raise DreamCleanError('onnxruntime is not there; install it with pip install "dreamclean[onnx]"') from None
    except Exception as error:  # each runtime has errors of its own
        if lacks_memory(error):
            raise
        raise DreamCleanError(f"'{path}' holds no {kind} model ({str(error).strip().splitlines()[0][:150]})") from error


def _torchscript(path: str, device: torch.device) -> Callable[..., Tensor]:
    network: torch.nn.Module = torch.jit.load(path, map_location=device)  # type: ignore[no-untyped-call]
    return network.eval().float()


def _onnx(path: str, inputs: int) -> Callable[..., Tensor]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=onnxruntime.get_available_providers())
    names = [value.name for value in session.get_inputs()]
    if len(names) != inputs:
        way = "sigma=channel or sigma=none" if len(names) == 1 else "sigma=map, number or scalar"
        raise DreamCleanError(
            f"'{path}' has {len(names)} inputs, and {inputs} would be given; say how it is told sigma: {way}"
        )

    def network(*given: Tensor) -> Tensor:
        arrays = {name: value.float().cpu().numpy() for name, value in zip(names, given, strict=True)}
        return torch.from_numpy(session.run(None, arrays)[0]).to(given[0].device)

    return network
