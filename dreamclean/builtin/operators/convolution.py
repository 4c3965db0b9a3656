"""Convolution as a product: of the Fourier transform, or of the cosine transform where a picture goes on as its mirror image."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

SMALL = 81
"""Elements of a kernel up to which a sum is as fast as a transform, and more exact."""


def valid(x: Tensor, kernel: Tensor) -> Tensor:
    """``x`` (B, C, H, W) convolved with ``kernel`` (h, w), where that lies inside: (B, C, H - h + 1, W - w + 1)."""
    if kernel.numel() <= SMALL:
        return F.conv2d(x, kernel.flip(0, 1).to(x).expand(x.shape[1], 1, *kernel.shape), groups=x.shape[1])
    size, (rows, columns) = x.shape[-2:], kernel.shape
    spectrum = torch.fft.rfft2(x) * torch.fft.rfft2(kernel.to(x), s=size)
    whole: Tensor = torch.fft.irfft2(spectrum, s=size)
    return whole[..., rows - 1 :, columns - 1 :]


def full(x: Tensor, kernel: Tensor) -> Tensor:
    """``x`` (B, C, H, W) convolved with ``kernel`` (h, w), wherever they meet: (B, C, H + h - 1, W + w - 1)."""
    rows, columns = kernel.shape
    return valid(F.pad(x, (columns - 1, columns - 1, rows - 1, rows - 1)), kernel)


def symmetric(kernel: Tensor) -> bool:
    """Whether a kernel is its own mirror image along both axes."""
    return torch.allclose(kernel, kernel.flip(0)) and torch.allclose(kernel, kernel.flip(1))


def inverse(
    kernel: Tensor, size: torch.Size, mirrored: bool, gain: float, variance: float
) -> Callable[[Tensor], Tensor]:
    """(gain A A^T + variance)^-1 of a blur A of pictures (..., H, W) of ``size`` by ``kernel``, odd sides.

    Exact where the picture goes on around, ``mirrored`` false; and where it is ``mirrored`` at its border and the kernel
    symmetric along both axes (type-II cosine transform: Ng, Chan & Tang 1999). Else nearly right, but for the border.
    """
    doubled = mirrored and symmetric(kernel)
    height, width = (side * (2 if doubled else 1) for side in size[-2:])
    weight = 1 / (gain * _power(kernel, height, width) + variance)

    def apply(v: Tensor) -> Tensor:
        if doubled:
            wide = torch.cat([v, v.flip(-1)], -1)
            whole = torch.cat([wide, wide.flip(-2)], -2)
        else:
            whole = v
        done: Tensor = torch.fft.irfft2(torch.fft.rfft2(whole) * weight.to(v), s=whole.shape[-2:])
        return done[..., : size[-2], : size[-1]]

    return apply


def _power(kernel: Tensor, height: int, width: int) -> Tensor:
    """|K|^2 (height, width // 2 + 1) of a kernel that may be larger than the picture: then it is wrapped."""
    rows, columns = torch.arange(kernel.shape[0]) % height, torch.arange(kernel.shape[1]) % width
    wrapped = torch.zeros(height, width, dtype=kernel.dtype)
    wrapped.index_put_((rows[:, None], columns[None]), kernel, accumulate=True)
    power: Tensor = torch.fft.rfft2(wrapped).abs().square()
    return power
