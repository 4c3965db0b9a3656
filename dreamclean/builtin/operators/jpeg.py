"""JPEG compression by the real codec, once or several times over shifted grids."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from dreamclean.builtin.operators.compression import Compression
from dreamclean.builtin.operators.jpeg_codec import compressed
from dreamclean.builtin.operators.rounding import Rounding
from dreamclean.builtin.operators.truncated import truncated_mean
from dreamclean.contracts.covariance import Covariance


class JPEG(Compression):
    """JPEG, one pass or several (paper, Table 3: quality=10/20/40, shift=0/3/6).

    The steps to whose multiples coefficients are rounded are those of a ``quality``, or given as ``tables``; or
    ``file`` names a JPEG that has them. A pass shifted by (k, l) compresses the image as the rest of one that had k
    more rows above and l more columns at its left, so that the passes' blocks do not coincide; the size stays as it is.
    """

    name = "jpeg"

    def degrade(self, x: Tensor) -> Tensor:
        images = (x.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        for tables, grid in zip(self.passes(), self.grids(), strict=True):
            images = np.stack([compressed(image, tables, grid) for image in images])
        return torch.from_numpy(images).permute(0, 3, 1, 2).to(x) / 255

    def linearize(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """The image itself: what the codec does to it is noise, that of ``noise_covariance``. For chains."""
        return x, lambda v: v, lambda v: v

    def noise_covariance(self, y: Tensor) -> Covariance:
        """The rounding as noise in the last pass's coefficients, and noise besides. All passes are taken to have its grid."""
        return Rounding(self.rounding_variance(), self.grids()[-1], self.noise_variance(y))

    def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
        """x0 + W (y - x0), with the Wiener weight std^2 / (std^2 + v) in each DCT coefficient of the last pass's grid.

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

        Of several passes, and beside noise, the intervals are not known: y.
        """
        if len(self.passes()) > 1 or self.noise or self.poisson:
            return y
        grid = self.grids()[-1]
        luma, chroma = (variance.to(y) for variance in self.rounding_variance())
        off = grid.to_coefficients(y - x0)
        made = []
        for difference, variance in zip(off, (luma, chroma, chroma), strict=True):
            half = (3 * variance).sqrt()
            mean = truncated_mean(difference - half, difference + half, std)
            made.append((1 + variance / std**2) * mean)
        return x0 + grid.from_coefficients(made, *x0.shape[2:])
