"""The transforms inside JPEG: colour planes, and the discrete cosine transform of 8 x 8 blocks."""

import math

import torch
from torch import Tensor

_YCC = torch.tensor(  # JFIF 1.02, without the offsets
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=torch.float64
)
YCC_NORMS = tuple(_YCC.square().sum(1).tolist())
"""Squared norms of the rows of the matrix in ``to_ycc``."""
_COSINES = torch.tensor(
    [[math.sqrt((2 if k else 1) / 8) * math.cos(math.pi * (2 * i + 1) * k / 16) for i in range(8)] for k in range(8)],
    dtype=torch.float64,
)


def to_ycc(rgb: Tensor) -> Tensor:
    """Red, green, blue (B, 3, H, W) to luma and the two colour differences; linear."""
    return torch.einsum("ij,bjhw->bihw", _YCC.to(rgb), rgb)


def to_rgb(ycc: Tensor) -> Tensor:
    """The inverse of ``to_ycc``."""
    return torch.einsum("ij,bjhw->bihw", torch.linalg.inv(_YCC).to(ycc), ycc)


def to_ycc_adjoint(ycc: Tensor) -> Tensor:
    """The transpose of ``to_ycc``."""
    return torch.einsum("ji,bjhw->bihw", _YCC.to(ycc), ycc)


def to_rgb_adjoint(rgb: Tensor) -> Tensor:
    """The transpose of ``to_rgb``."""
    return torch.einsum("ji,bjhw->bihw", torch.linalg.inv(_YCC).to(rgb), rgb)


def to_blocks(x: Tensor) -> Tensor:
    """Orthonormal DCT-II of each 8 x 8 block: (B, C, H, W) to (B, C, H/8, W/8, 8, 8), frequencies last."""
    b, c, h, w = x.shape
    blocks = x.reshape(b, c, h // 8, 8, w // 8, 8).transpose(3, 4)
    return _COSINES.to(x) @ blocks @ _COSINES.to(x).mT


def from_blocks(blocks: Tensor) -> Tensor:
    """The inverse of ``to_blocks``."""
    x = _COSINES.to(blocks).mT @ blocks @ _COSINES.to(blocks)
    b, c, n, m = x.shape[:4]
    return x.transpose(3, 4).reshape(b, c, n * 8, m * 8)
