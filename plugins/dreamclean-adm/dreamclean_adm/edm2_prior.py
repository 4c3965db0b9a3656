"""EDM2 as a prior: a network in pixel space that is told sigma."""

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import DreamCleanError
from dreamclean.contracts.levels import Level, VESchedule
from dreamclean.contracts.model import Geometry, Model
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.prior import Prior
from dreamclean.contracts.warn import warn
from dreamclean_adm.edm2 import PART, UNet
from dreamclean_adm.files import read
from dreamclean_adm.noise import PAPER_RATIO

_DATA = 0.5
"""Standard deviation of the data, of the published networks."""
_OWN = re.compile(
    rf"{PART.pattern}(weight|emb_gain|(conv_res[01]|conv_skip|emb_linear|attn_qkv|attn_proj)\.weight)|unet\.out_gain|"
    r"unet\.emb_fourier\.(freqs|phases)|unet\.(emb_noise|emb_label|out_conv)\.weight|logvar_.*"
)


class EDM2(Prior):
    """A pixel-space network of EDM2 (Karras et al. 2024), its tensors in a safetensors file under NVlabs' names.

    NVlabs publishes pickles that hold code, which are not read; the README says how to write their tensors.
    """

    name = "edm2"
    path: str = Field(min_length=1, description="The .safetensors file")
    label: int | None = Field(default=None, ge=0, description="Class of the pictures; without it answers are worse")
    head_width: int = Field(default=64, ge=1, description="Channels of an attention head, 64 in all published networks")

    def network(self) -> UNet:
        """The network on the CPU in float32."""
        path = Path(self.path)
        if path.suffix != ".safetensors":
            raise DreamCleanError(f"{path} is no .safetensors file; the README of dreamclean-adm says how to write it")
        state, _ = read(path)
        if other := [name for name in state if not _OWN.fullmatch(name)]:
            raise DreamCleanError(f"{path} does not fit edm2: '{other[0]}' is not of it")
        try:
            network = UNet(state, self.head_width)
        except (KeyError, IndexError) as error:
            raise DreamCleanError(f"{path} does not fit edm2: {error.args[0]} is missing") from error
        if (channels := network.entry.weight.shape[1] - 1) != 3:
            raise DreamCleanError(f"{path} works on latents of {channels} channels; give one of pixels (edm2-img64)")
        if self.label is not None and self.label >= network.classes:
            has = f"the classes 0 to {network.classes - 1}" if network.classes else "no classes; leave label out"
            raise DreamCleanError(f"there is no class {self.label}: {path} has {has}")
        return network.eval()

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        """Convolutions in ``dtype``, what is told of sigma and class in float32."""
        network = self.network()
        if network.classes and self.label is None:
            warn(f"{Path(self.path).name} was trained with a class for each picture; label=N says which")
        return Model(
            VESchedule(0.002, 80.0),
            Asked(network.to(device).cast(dtype), dtype, self.label).predict,
            geometry=Geometry(network.multiple, network.size),
        )

    @property
    def source(self) -> Path | None:
        return Path(self.path) if Path(self.path).exists() else None

    def recipe_for(self, operator: Operator | None) -> dict[str, Any]:
        """With an operator the paper's noise-to-signal ratio."""
        return {"strength": f"nsr:{PAPER_RATIO:.4f}"} if operator else {}


class Asked(NamedTuple):
    """A network, told what it needs to know."""

    network: UNet
    dtype: torch.dtype
    label: int | None

    def predict(self, x: Tensor, level: Level) -> Tensor:
        """eps = (x - D(x)) / sigma, D(x) = c_skip x + c_out F(c_in x, ln(sigma) / 4) (Karras et al. 2022, Table 1)."""
        sigma, total = level.sigma, math.hypot(level.sigma, _DATA)
        told = torch.full((len(x),), math.log(sigma) / 4, device=x.device)
        output = self.network((x / total).to(self.dtype), told, self._class(x)).to(x.dtype)
        eps: Tensor = ((1 - (_DATA / total) ** 2) * x - sigma * _DATA / total * output) / sigma
        return eps

    def _class(self, x: Tensor) -> Tensor | None:
        if self.label is None:
            return None
        one = torch.zeros(len(x), self.network.classes, device=x.device)
        one[:, self.label] = 1
        return one
