"""JPEG compression by the real codec, once or several times over shifted grids."""

import io

import numpy as np
import torch
from PIL import Image
from pydantic import Field, model_validator
from torch import Tensor

from dreamclean.component import IntList
from dreamclean.operators.base import Operator


class JPEG(Operator):
    """JPEG, one pass or several (paper, Table 3: quality=10/20/40, shift=0/3/6).

    A pass shifted by k compresses the image with its 8 x 8 grid moved k pixels down and right, so that the
    passes' blocks do not coincide; the size stays as it is.
    """

    name = "jpeg"
    quality: IntList = Field((10,), description="Quality factor of each pass, 1 to 100", min_length=1)
    shift: IntList = Field(
        (0,), description="Offset of each pass's grid in pixels, one for each quality or one for all"
    )
    chroma: bool = Field(True, description="Halve the colour planes (4:2:0), as most cameras and sites do")

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

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        """x0 + y - A(x0): what the codec loses of x0 is kept (DDRM-JPEG, Kawar et al. 2022, with A^+ A = decode encode)."""
        return x0 + (y - self.degrade(x0)) * (std**2 / (std**2 + self.noise_variance(y)))

    def start(self, y: Tensor) -> Tensor:
        return y
