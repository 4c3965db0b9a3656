"""JPEG compression by the real codec, once or several times over shifted grids."""

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from pydantic import Field, model_validator
from torch import Tensor

from dreamclean.builtin.operators import dct
from dreamclean.builtin.operators.rounding import Rounding
from dreamclean.contracts.component import IntList
from dreamclean.contracts.covariance import Covariance
from dreamclean.contracts.operator import Operator


class JPEG(Operator):
    """JPEG, one pass or several (paper, Table 3: quality=10/20/40, shift=0/3/6).

    A pass shifted by k compresses the image with its 8 x 8 grid moved k pixels down and right, so that the
    passes' blocks do not coincide; the size stays as it is.
    """

    name = "jpeg"
    quality: IntList = Field(default=(10,), description="Quality factor of each pass, 1 to 100", min_length=1)
    shift: IntList = Field(
        default=(0,), description="Offset of each pass's grid in pixels, one for each quality or one for all"
    )
    chroma: bool = Field(default=True, description="Halve the colour planes (4:2:0), as most cameras and sites do")

    @model_validator(mode="after")
    def _check(self) -> "JPEG":
        if not all(1 <= q <= 100 for q in self.quality):
            raise ValueError("a quality lies between 1 and 100")
        if len(self.shift) not in (1, len(self.quality)):
            raise ValueError("give one shift for each quality, or one for all")
        return self

    def image_shape(self, y: Tensor) -> torch.Size:
        return y.shape

    def degrade(self, x: Tensor) -> Tensor:
        shifts = self.shift * len(self.quality) if len(self.shift) == 1 else self.shift
        images = (x.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        results = []
        for original in images:
            image = original
            for quality, shift in zip(self.quality, shifts, strict=True):
                image = self._one_pass(image, quality, shift % 8)
            results.append(torch.from_numpy(image).permute(2, 0, 1))
        return torch.stack(results).to(x) / 255

    def _one_pass(self, image: np.ndarray, quality: int, shift: int) -> np.ndarray:
        padded = np.pad(image, ((shift, 0), (shift, 0), (0, 0)), mode="edge")
        file = io.BytesIO()
        Image.fromarray(padded).save(file, "JPEG", quality=quality, subsampling=2 if self.chroma else 0)
        return np.asarray(Image.open(file))[shift:, shift:].copy()

    def linearize(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """The image itself: what the codec does to it is noise, that of ``noise_covariance``. For chains."""
        return x, lambda v: v, lambda v: v

    def noise_covariance(self, y: Tensor) -> Covariance:
        """Rounding to multiples of q as noise of variance q^2 / 12, added up over the passes, and noise besides.

        All passes are taken to have the grid of the last.
        """
        steps = [[_table(quality, colour) for quality in self.quality] for colour in (False, True)]
        variances = [torch.stack(tables).square().sum(0) / 12 for tables in steps]
        return Rounding(variances, self.chroma, self.shift[-1] % 8, self.noise_variance(y))

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        """x0 + W (y - x0), with the Wiener weight std^2 / (std^2 + v) in each DCT coefficient of the last pass's grid.

        Rounding a coefficient to multiples of q is taken as noise of variance q^2 / 12 (Widrow 1956), of
        several passes the sum, so that low frequencies follow y and what the codec lost follows x0. Halved
        colour planes follow y in their means of 2 x 2 pixels.
        """
        shift, (height, width) = self.shift[-1] % 8, x0.shape[2:]
        extra = (
            torch.as_tensor(self.noise_variance(y)).to(y).expand(y.shape).mean((1, 2, 3), keepdim=True)[..., None, None]
        )
        edges = (shift, (-width - shift) % 16, shift, (-height - shift) % 16)
        planes = F.pad(dct.to_ycc(y - x0), edges, mode="replicate")
        parts = []
        for number in range(3):
            plane, halved = planes[:, number : number + 1], self.chroma and number > 0
            steps = torch.stack([_table(quality, number > 0) for quality in self.quality]).to(plane)
            weight = std**2 / (std**2 + steps.square().sum(0) / 12 + extra)
            part = dct.from_blocks(weight * dct.to_blocks(F.avg_pool2d(plane, 2) if halved else plane))
            parts.append(F.interpolate(part, scale_factor=2.0) if halved else part)
        update = torch.cat(parts, dim=1)[..., shift : shift + height, shift : shift + width]
        return x0 + dct.to_rgb(update)

    def start(self, y: Tensor) -> Tensor:
        return y


@lru_cache(maxsize=32)
def _table(quality: int, chroma: bool) -> Tensor:
    """The codec's rounding steps (8, 8) at ``quality``, for the pixel scale [0, 1]; frequencies ascend down and right."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", quality=quality)
    table = Image.open(file).quantization[int(chroma)]  # type: ignore[attr-defined]
    return torch.tensor(table, dtype=torch.float64).view(8, 8) / 255
