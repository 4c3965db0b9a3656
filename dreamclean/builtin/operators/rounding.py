"""The rounding of JPEG's coefficients as a covariance between pixels."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.operators import dct
from dreamclean.contracts.covariance import Covariance

LOST = 1.0
"""Variance, for the pixel scale [0, 1], of what the codec does not keep at all: more than any picture's."""


class Rounding(Covariance):
    """Noise that is independent between the coefficients of JPEG's blocks: S = C^-1 B^T D B C^-T.

    C makes luma and colour differences of red, green and blue. B, orthonormal, is the cosine transform of 8 x 8 blocks;
    for halved colour planes that of the means of 2 x 2 pixels, beside the rest of them, which is lost. D holds the
    variances, times the squared norm of the plane's row of C, and of the means is that of one pixel: so a projection
    weighs a coefficient as ``JPEG.project`` does, r^2 / (r^2 + q^2 / 12), where an estimate whose errors were
    independent would have less error in luma and colour than r (0.1 to 0.3 dB worse where it was tried). ``solve`` takes
    C C^T as diagonal.

    Args:
        variances: of the coefficients (8, 8) of luma and of a colour plane, pixel scale [0, 1].
        halved: whether colour planes have half the sides.
        shift: pixels by which the grid of blocks is moved down and right, 0 to 7.
        extra: variance of independent noise besides, a number or shaped as the picture.
    """

    def __init__(self, variances: Sequence[Tensor], halved: bool, shift: int, extra: Tensor | float = 0.0) -> None:
        self._luma, self._colour = variances
        self._halved, self._shift, self._extra = halved, shift, extra

    def times(self, v: Tensor) -> Tensor:
        spread = self._weighed(dct.to_rgb_adjoint(v), lambda variance, plane: variance)
        return dct.to_rgb(spread) + torch.as_tensor(self._extra).to(v) * v

    def solve(self, v: Tensor, gain: float) -> Tensor:
        white = gain + float(torch.as_tensor(self._extra).mean())
        parts = self._weighed(dct.to_ycc(v), lambda variance, plane: 1 / (white * dct.YCC_NORMS[plane] + variance))
        return dct.to_ycc_adjoint(parts)

    def _weighed(self, planes: Tensor, weight: Callable[[Tensor, int], Tensor]) -> Tensor:
        """B^T w(D) B of the planes, (B, 3, H, W); beyond the edges there is nothing."""
        height, width = planes.shape[2:]
        edges = (self._shift, (-width - self._shift) % 16, self._shift, (-height - self._shift) % 16)
        padded, parts = F.pad(planes, edges), []
        for number in range(3):
            plane = padded[:, number : number + 1]
            variance = dct.YCC_NORMS[number] * (self._colour if number else self._luma).to(plane)
            if not (self._halved and number):
                parts.append(dct.from_blocks(weight(variance, number) * dct.to_blocks(plane)))
                continue
            means = F.avg_pool2d(plane, 2)
            kept = dct.from_blocks(weight(variance, number) * dct.to_blocks(means))
            lost = weight(torch.full_like(plane[:1, :1, :1, :1], LOST), number)
            parts.append(lost * (plane - _enlarged(means)) + _enlarged(kept))
        whole = torch.cat(parts, dim=1)
        return whole[..., self._shift : self._shift + height, self._shift : self._shift + width]


def _enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0)
