"""The noise levels that the checkpoints were trained on."""

import math

import torch

from dreamclean.contracts.levels import DDPMSchedule
from dreamclean_adm.config import Betas

PAPER_RATIO = DDPMSchedule.linear().at(300).ratio
"""The noise-to-signal ratio of the paper's strength, t = 300 of its own noise levels."""


def schedule(betas: Betas, timesteps: int) -> DDPMSchedule:
    """The levels of timesteps 0 ... T - 1.

    linear: beta from 0.1 / T to 20 / T, which for T = 1000 is DDPM's 1e-4 ... 0.02 (Ho et al. 2020).
    cosine: abar(u) = cos((u + 0.008) / 1.008 pi / 2) ** 2 at u = t / T, beta at most 0.999 (Nichol &
    Dhariwal 2021, eq. 17).
    """
    if betas == "linear":
        return DDPMSchedule.linear(timesteps, 0.1 / timesteps, 20 / timesteps)
    u = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64)
    wanted = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
    kept = (wanted[1:] / wanted[:-1]).clamp(min=0.001)
    return DDPMSchedule(torch.cumprod(kept, 0))
