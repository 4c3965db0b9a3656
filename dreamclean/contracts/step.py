"""What a listener is told of a run."""

from dataclasses import dataclass

from torch import Tensor

from dreamclean.contracts.levels import Level


@dataclass(frozen=True)
class Step:
    """``index`` steps of ``total`` are done and ``x`` (B, C, H, W) is now at ``level``, after ``nfe`` evaluations."""

    index: int
    total: int
    level: Level
    x: Tensor
    nfe: int
