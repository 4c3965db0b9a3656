"""The features: what the prior's noise estimate looks like at a level, in a few numbers.

Around a latent of its level the estimate is white with a standard deviation of 1: the typical set (DreamClean,
Definition 2.1). A picture put there as if its damage were the noise shows by the departure what damage it has.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

NAMES = (
    "log rms",
    *(f"correlation at {lag}" for lag in ("1", "2", "4", "8", "the diagonal")),
    "log kurtosis",
    "log colour over luma",
    "colour correlation",
    *(f"log period {period}" for period in (8, 4, 2, 3)),
    *(f"log rms, {quantile} of blocks" for quantile in ("lowest tenth", "half", "highest tenth")),
)
_LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
_TINY = 1e-9


def features(eps: Tensor) -> Tensor:
    """The features (B, 16), named in ``NAMES``, of noise estimates (B, C, H, W) of at least 32 x 32 elements."""
    eps = eps.float()
    weights = _LUMA.to(eps) if eps.shape[1] == 3 else torch.full((1, eps.shape[1], 1, 1), 1 / eps.shape[1])
    luma = (eps * weights.to(eps)).sum(1, keepdim=True)
    colour = eps - luma
    power = _mean(eps.square()).clamp(min=_TINY)
    blocks = F.avg_pool2d(eps.square().mean(1, keepdim=True), 16).flatten(1).clamp(min=_TINY).sqrt()
    quantiles = torch.quantile(blocks, torch.tensor([0.1, 0.5, 0.9]).to(eps), dim=1)
    found = [
        power.log() / 2,
        *(_correlation(eps, lag) for lag in (1, 2, 4, 8)),
        (_shifted(eps, 1, 1) + _shifted(eps.flip(-1), 1, 1)) / 2,
        (_mean(eps**4) / power.square()).clamp(min=_TINY).log(),
        _mean(colour.square()).clamp(min=_TINY).log() - _mean(luma.square()).clamp(min=_TINY).log(),
        _correlation(colour, 1),
        *(_period(eps, period) for period in (8, 4, 2, 3)),
        *quantiles.clamp(min=1e-4).log(),
    ]
    return torch.stack(found, dim=1)


def _mean(x: Tensor) -> Tensor:
    return x.mean((1, 2, 3))


def _shifted(x: Tensor, down: int, right: int) -> Tensor:
    """Correlation of x with itself moved by some pixels."""
    height, width = x.shape[-2:]
    product = x[..., down:, right:] * x[..., : height - down, : width - right]
    return _mean(product) / _mean(x.square()).clamp(min=_TINY)


def _correlation(x: Tensor, lag: int) -> Tensor:
    return (_shifted(x, 0, lag) + _shifted(x, lag, 0)) / 2


def _period(x: Tensor, period: int) -> Tensor:
    """How much larger steps between neighbours are at the strongest phase of ``period`` than at the others: log."""
    found = []
    for axis in (-1, -2):
        step = x.diff(dim=axis).abs().mean((1, -1 if axis == -2 else -2))
        phases = step[:, : step.shape[1] // period * period].reshape(len(step), -1, period).mean(1)
        strongest = phases.amax(1)
        rest = (phases.sum(1) - strongest) / (period - 1)
        found.append((strongest + 1e-4) / (rest + 1e-4))
    return torch.stack(found).mean(0).log()
