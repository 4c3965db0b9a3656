"""What lies over a picture, soft or half transparent: rain, snow, specks, scratches, as a small network sees it."""

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.answers import crops
from dreamclean.builtin.planners.diagnosis.outliers.local import Finding
from dreamclean.builtin.planners.diagnosis.outliers.overlay_network import OverlayNetwork

WEIGHTS = Path(__file__).with_name("overlay.safetensors")
"""Of contrib/calibrate/overlay.py."""
EVIDENT, LEAST = 0.9, 0.0012
"""Probability of a pixel that evidently has something over it, and the least share of those."""
LOST = 0.4
"""Probability from which on a pixel is lost."""
SIDE, REACH = 512, 48
"""Side in pixels of the parts of a larger picture that are looked at one after the other, and how far around them."""


@torch.no_grad()
def find_overlay(x: Tensor) -> Finding | None:
    """What lies over ``x`` (1, 3, H, W) in [0, 1] here and there; None where nothing does, or it cannot be told.

    Of a large picture four parts are looked at first, because weather is everywhere.
    """
    if not any(_share(overlaid(part[None])) >= LEAST for part in crops(x)):
        return None
    chance = overlaid(x)
    share = _share(chance)
    if share < LEAST:
        return None
    return Finding("rain, snow or specks", (chance > LOST).to(x.device), 1 - 0.5 * LEAST / share)


def _share(chance: Tensor) -> float:
    return float((chance > EVIDENT).float().mean())


def overlaid(x: Tensor) -> Tensor:
    """The probability (1, 1, H, W) that something lies over a pixel of ``x`` (1, 3, H, W)."""
    network, x = _network(), x.float().cpu()
    height, width = x.shape[-2:]
    chance = torch.empty(1, 1, height, width)
    for top in range(0, height, SIDE):
        for left in range(0, width, SIDE):
            above, before = min(top, REACH), min(left, REACH)
            part = x[..., top - above : top + SIDE + REACH, left - before : left + SIDE + REACH]
            inside = (..., slice(top, top + SIDE), slice(left, left + SIDE))
            chance[inside] = network(part)[..., above : above + SIDE, before : before + SIDE].sigmoid()
    return chance


@lru_cache(maxsize=1)
def _network() -> OverlayNetwork:
    from safetensors.torch import load_file

    network = OverlayNetwork().eval().requires_grad_(False)
    network.load_state_dict({name: value.float() for name, value in load_file(WEIGHTS).items()})
    return network
