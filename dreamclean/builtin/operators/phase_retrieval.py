"""Phase retrieval without a prior: relaxed averaged alternating reflections (Luke 2005), from several starts, coarse to fine."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

STARTS, COARSE = 16, 128
"""How many starts are tried, and the side that the padded image is then made smaller to."""
SEARCH, SETTLE = (300, 0.97), (100, 0.85)
"""Iterations, and their beta: a large one gets out of dead ends, a smaller one settles."""
AVERAGED = 50
"""With noise it never comes to rest: the mean of so many last estimates is nearer than the last."""


def retrieved(magnitude: Tensor, support: Tensor) -> Tensor:
    """An image (C, H, W) in [0, 1] whose orthonormal Fourier magnitudes are near ``magnitude`` (rfft2's half).

    ``support`` (H, W): False where the image is known to be zero. An image turned by 180 degrees has the same magnitudes, so it
    may be turned. The middle channel is found first: made smaller, from seeded noise, several times, for many starts end
    in images that are quite wrong, and the one that agrees best with its magnitudes is kept. The other channels begin from it.
    """
    middle = len(magnitude) // 2
    coarse = _searched(magnitude[middle], support)
    finer = _resized(torch.fft.rfft2(coarse, norm="ortho"), coarse.shape, support.shape)
    start = torch.fft.irfft2(finer, s=support.shape, norm="ortho")
    found = _reflected(magnitude, support, start.expand(len(magnitude), -1, -1), SEARCH, SETTLE)
    return _turned_like(found[middle], found)


def _searched(magnitude: Tensor, support: Tensor) -> Tensor:
    """Of one channel (H, W / 2 + 1) a smaller image: of several starts what ends nearest to the low frequencies' magnitudes."""
    factor = max(1.0, max(support.shape) / COARSE)
    size = torch.Size(round(side / factor) for side in support.shape)
    inside = F.interpolate(support.to(magnitude)[None, None], size, mode="area")[0, 0] > 0.5
    wanted = _resized(magnitude, support.shape, size)
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand((STARTS, *size), generator=generator, dtype=torch.float32, device="cpu").to(magnitude)
    found = _reflected(wanted, inside, noise * inside, SEARCH)
    misfit: Tensor = (torch.fft.rfft2(found, norm="ortho").abs() - wanted).square().mean((-2, -1))
    return found[int(misfit.argmin())]


def _resized(spectrum: Tensor, was: torch.Size, size: torch.Size) -> Tensor:
    """Half a spectrum of ``was`` pixels for ``size`` pixels: without its highest frequencies, or with zeros for higher ones."""
    if was == size:
        return spectrum
    height, width = min(was[0], size[0]), (min(was[1], size[1]) + 1) // 2
    above, below = (height + 1) // 2, (height - 1) // 2
    result = spectrum.new_zeros((*spectrum.shape[:-2], size[0], size[1] // 2 + 1))
    result[..., :above, :width] = spectrum[..., :above, :width]
    result[..., size[0] - below :, :width] = spectrum[..., was[0] - below :, :width]
    return result * math.sqrt(size.numel() / was.numel())


def _reflected(magnitude: Tensor, support: Tensor, image: Tensor, *schedule: tuple[int, float]) -> Tensor:
    """The iteration u <- beta (S R u + u) / 2 + (1 - beta) P u (Inverse Problems 21, 2005, Eq. 3.3).

    P u is the nearest image that has the magnitudes, Q u the nearest that keeps to the support and to [0, 1]; R = 2 P - 1 and
    S = 2 Q - 1 reflect. The result is the mean of the last Q P u.
    """
    betas = [beta for steps, beta in schedule for _ in range(steps)]
    total = torch.zeros_like(image)
    for step, beta in enumerate(betas):
        spectrum = torch.fft.rfft2(image, norm="ortho")
        spectrum = spectrum * (magnitude / spectrum.abs().clamp(min=1e-12))
        agreed = torch.fft.irfft2(spectrum, s=image.shape[-2:], norm="ortho")
        if step >= len(betas) - AVERAGED:
            total += agreed.clamp(0, 1) * support
        reflected = 2 * agreed - image
        bounded = reflected.clamp(0, 1) * support
        image = beta * (bounded - reflected / 2 + image / 2) + (1 - beta) * agreed
    return total / AVERAGED


def _turned_like(like: Tensor, image: Tensor) -> Tensor:
    """Each channel of ``image``, turned by 180 degrees where it then covaries more with ``like``: its mean stays the same."""
    turned = image.flip(-2, -1)
    better = ((turned - image) * like).sum((-2, -1), keepdim=True) > 0
    return torch.where(better, turned, image)
