"""A prior's model, for tests."""

import torch

from dreamclean.contracts.model import Model
from dreamclean.contracts.prior import Prior
from dreamclean.method.loaded import load


def loaded(prior: Prior) -> Model:
    """What ``prior`` loads, on the CPU in float32."""
    return load(prior, torch.device("cpu"), torch.float32)
