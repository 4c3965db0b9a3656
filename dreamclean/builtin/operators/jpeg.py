"""JPEG compression by the real codec, once or several times over shifted grids."""

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from dreamclean.builtin.operators.compression import Compression
from dreamclean.builtin.operators.jpeg_codec import compressed
from dreamclean.builtin.operators.rounding import Rounding
from dreamclean.builtin.operators.truncated import truncated_mean
from dreamclean.contracts.covariance import Covariance

FINE = 0.022
"""``coarseness`` of quality 40, where noise that is kept does more harm than good."""


class JPEG(Compression):
    """JPEG, one pass or several (paper, Table 3: quality=10/20/40, shift=0/3/6).

    The steps to whose multiples coefficients are rounded are those of a ``quality``, or given as ``tables``; or
    ``file`` names a JPEG that has them. A pass shifted by (k, l) compresses the image as the rest of one that had k
    more rows above and l more columns at its left, so that the passes' blocks do not coincide; the size stays as it is.
    """

    name = "jpeg"
    least_eta: ClassVar[float] = 0.2

    @property
    def usual_eta(self) -> float:
        """The less, the coarser the decisive pass is: 0.3 at quality 10, 1 at 40 and above."""
        coarser = float(self.coarseness()[self.decisive()]) / FINE
        return min(max(1 - 0.35 * math.log2(coarser), self.least_eta), 1.0)

    def degrade(self, x: Tensor) -> Tensor:
        images = (x.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        for tables, grid in zip(self.passes(), self.grids(), strict=True):
            images = np.stack([compressed(image, tables, grid) for image in images])
        return torch.from_numpy(images).permute(0, 3, 1, 2).to(x) / 255

    def linearize(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """The image itself: what the codec does to it is noise, that of ``noise_covariance``. For chains."""
        return x, lambda v: v, lambda v: v

    def noise_covariance(self, y: Tensor) -> Covariance:
        """The rounding as noise in the decisive pass's coefficients, and noise besides. Earlier passes are taken to have its grid."""
        return Rounding(self.rounding_variance(), self.grids()[-1], self.noise_variance(y))

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        """x0 + W (y - x0), with the Wiener weight std^2 / (std^2 + v) in each DCT coefficient of the decisive pass's grid.

        v is ``rounding_variance``, so that low frequencies follow y and what the codec lost follows x0. Smaller
        colour planes follow y in their means of pixels.
        """
        grid, (luma, chroma) = self.grids()[-1], self.rounding_variance()
        extra = (
            torch.as_tensor(self.noise_variance(y)).to(y).expand(y.shape).mean((1, 2, 3), keepdim=True)[..., None, None]
        )
        variances = [variance.to(y) + extra for variance in (luma, chroma, chroma)]
        parts = grid.to_coefficients(y - x0)
        weighed = [std**2 / (std**2 + v) * part for v, part in zip(variances, parts, strict=True)]
        return x0 + grid.from_coefficients(weighed, *x0.shape[2:])

    def dequantized(self, y: Tensor, x0: Tensor, std: float) -> Tensor:
        """Each coefficient such that the Wiener weight makes its mean in the interval that was rounded to y's.

        What came after the ``decisive`` pass is undone by that pass, if it can be; if not, the interval is not known: y.
        """
        if not self.found_again():
            return y
        number, variances = self.decisive(), self._variances()
        grid, made = self.grids()[number], []
        for part, plane in zip(grid.to_coefficients(self.undone(y) - x0), (0, 1, 1), strict=True):
            own, earlier = (v.to(y) for v in (variances[number, plane], variances[:number, plane].sum(0)))
            half, spread = (3 * own).sqrt(), (std**2 + earlier).sqrt()
            mean = truncated_mean(part - half, part + half, spread) * (std / spread) ** 2
            made.append((1 + (own + earlier + self.noise**2) / std**2) * mean)
        return x0 + grid.from_coefficients(made, *x0.shape[2:])

    def undone(self, y: Tensor) -> Tensor:
        """``y`` as the ``decisive`` pass had left it, but for few coefficients: rounded by it again, if that finds them."""
        number = self.decisive()
        if not self.found_again() or (number == len(self.passes()) - 1 and not self.noise):
            return y
        tables, grid = self.passes()[number][: 1 if self.subsampling == "grey" else 2], self.grids()[number]
        shift = (f"{grid.rows}:{grid.columns}",)
        return JPEG(quality=(), tables=tables, subsampling=self.subsampling, shift=shift).degrade(y)
