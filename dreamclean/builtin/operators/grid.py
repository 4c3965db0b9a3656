"""The grid of JPEG's blocks on a picture: from pixels to the coefficients that the codec rounds, and back."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean.builtin.operators import dct
from dreamclean.pictures.jpeg_file import STEPS

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0", "4:4:0", "grey"]
"""How colour planes are made smaller."""


class Grid(NamedTuple):
    """Blocks of 8 x 8 values of each plane. The picture starts ``rows`` and ``columns`` pixels inside the first one."""

    rows: int = 0
    columns: int = 0
    subsampling: Subsampling = "4:2:0"

    @property
    def steps(self) -> tuple[int, int]:
        return STEPS[self.subsampling]

    def padded(self, x: Tensor, replicate: bool = True) -> Tensor:
        """``x`` (B, C, H, W) with whole blocks of every plane, by its edge or by nothing beyond it."""
        (height, width), (down, across) = x.shape[2:], self.steps
        top, left = self.rows % (8 * down), self.columns % (8 * across)
        edges = (left, (-width - left) % (8 * across), top, (-height - top) % (8 * down))
        return F.pad(x, edges, mode="replicate") if replicate else F.pad(x, edges)

    def cut(self, x: Tensor, height: int, width: int) -> Tensor:
        """``padded``, undone."""
        top, left = self.rows % (8 * self.steps[0]), self.columns % (8 * self.steps[1])
        return x[..., top : top + height, left : left + width]

    def to_coefficients(self, x: Tensor, replicate: bool = True) -> list[Tensor]:
        """Pictures (B, 3, H, W) to the coefficients (B, 1, n, m, 8, 8) of luma and the two colour planes.

        They are of the orthonormal transform; colour planes are means of ``steps`` pixels.
        """
        planes = torch.split(self.padded(dct.to_ycc(x), replicate), 1, dim=1)
        return [
            dct.to_blocks(F.avg_pool2d(plane, self.steps) if number else plane) for number, plane in enumerate(planes)
        ]

    def from_coefficients(self, parts: Sequence[Tensor], height: int, width: int) -> Tensor:
        """Coefficients to pictures (B, 3, height, width); values of colour planes are repeated."""
        planes = [dct.from_blocks(part) for part in parts]
        scale = tuple(map(float, self.steps))
        whole = [
            plane if not number else F.interpolate(plane, scale_factor=scale) for number, plane in enumerate(planes)
        ]
        return dct.to_rgb(self.cut(torch.cat(whole, dim=1), height, width))
