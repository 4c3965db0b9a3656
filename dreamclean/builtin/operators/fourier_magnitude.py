"""Fourier magnitudes, the operator of phase retrieval."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from dreamclean.builtin.operators.phase_retrieval import retrieved
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import Operator


class FourierMagnitude(Operator):
    """Magnitude of the orthonormal Fourier transform of the zero-padded image (phase retrieval, Fig. 7)."""

    name = "fourier-magnitude"
    viewable: ClassVar[bool] = False
    oversample: float = Field(
        default=2.0, ge=1, description="Padded side over image side (2: the image is fully determined)"
    )

    def _pad(self, size: int) -> int:
        """Zeros on either side of ``size`` pixels."""
        return round(size * (self.oversample - 1) / 2)

    def _unpadded(self, padded: int) -> int:
        for size in range(1, padded + 1):
            if size + 2 * self._pad(size) == padded:
                return size
        raise DreamCleanError(f"no image has magnitudes of side {padded} at oversample={self.oversample:g}")

    def _padded(self, x: Tensor) -> Tensor:
        down, right = (self._pad(side) for side in x.shape[-2:])
        return F.pad(x, (right, right, down, down))

    def _inside(self, padded: Tensor, size: torch.Size) -> Tensor:
        """What is within the zeros, ``size`` (..., H, W)."""
        height, width = size[-2:]
        down, right = self._pad(height), self._pad(width)
        return padded[..., down : down + height, right : right + width]

    def _transform(self, x: Tensor) -> Any:
        return torch.fft.fft2(self._padded(x), norm="ortho")

    def image_shape(self, y: Tensor) -> torch.Size:
        height, width = (self._unpadded(side) for side in y.shape[2:])
        return torch.Size((*y.shape[:2], height, width))

    def degrade(self, x: Tensor) -> Tensor:
        magnitude: Tensor = self._transform(x).abs()
        return magnitude

    def start(self, y: Tensor) -> Tensor:
        """The image that relaxed averaged alternating reflections find (Luke 2005): no prior is asked."""
        shape = self.image_shape(y)
        support = self._padded(torch.ones(shape[-2:], dtype=torch.bool, device=y.device))
        magnitude = y.clamp(min=0)[..., : y.shape[-1] // 2 + 1]
        found = torch.stack([retrieved(of_image, support) for of_image in magnitude])  # alone: the iteration is chaotic
        return self._inside(found, shape)

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        """The phases of x0 with the measured magnitudes, weighted by their noise (Gerchberg & Saxton 1972)."""
        spectrum = self._transform(x0)
        magnitude = spectrum.abs()
        trust = std**2 / (std**2 + self.noise_variance(y))
        wanted = magnitude + trust * (y - magnitude)
        phase = torch.where(magnitude > 0, spectrum / magnitude.clamp(min=1e-12), 1.0)
        image: Tensor = torch.fft.ifft2(wanted * phase, norm="ortho").real
        return self._inside(image, x0.shape)
