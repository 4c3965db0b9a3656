"""What a listener receives at every step of a run."""

from dataclasses import dataclass

from torch import Tensor

from dreamclean.contracts.levels import Level


@dataclass(frozen=True)
class Step:
    """One step of a run: ``index`` of ``total`` steps are done and ``x`` is now at ``level``."""

    index: int
    total: int
    level: Level
    x: Tensor
    nfe: int
    x0: Tensor
    """The latest posterior mean, in model space as ``x``; ``restorer.model.codec.decode(x0)`` is a preview, (B, 3, H, W) near [0, 1]."""
    image: int = 0
    """``x[k]`` belongs to the image number ``image + k`` of the batch or of the list of pictures."""
